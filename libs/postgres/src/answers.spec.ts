import type { OperationId } from '#domain';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createAnswers, type AnswersOptions, type ListeningAnswers } from './answers.js';

type Handler = (argument?: unknown) => void;

const { FakeClient } = vi.hoisted(() => {
  class FakeClient {
    static readonly all: FakeClient[] = [];
    static refuse = false;
    readonly handlers = new Map<string, Handler>();
    readonly queries: string[] = [];
    constructor() {
      FakeClient.all.push(this);
    }
    on(event: string, handler: Handler): void {
      this.handlers.set(event, handler);
    }
    emit(event: string, argument?: unknown): void {
      this.handlers.get(event)?.(argument);
    }
    connect(): Promise<void> {
      return FakeClient.refuse ? Promise.reject(new Error('refused')) : Promise.resolve();
    }
    query(sql: string): Promise<void> {
      this.queries.push(sql);
      return Promise.resolve();
    }
    end(): Promise<void> {
      return Promise.resolve();
    }
  }
  return { FakeClient };
});

vi.mock('pg', () => ({ default: { Client: FakeClient } }));

const id = (n: number): OperationId =>
  `00000000-0000-4000-8000-${String(n).padStart(12, '0')}` as OperationId;

function answersOf(options: Partial<AnswersOptions> = {}): ListeningAnswers {
  const answers = createAnswers({
    connectionString: 'postgres://unused',
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    poll: () => Promise.resolve([]),
    pollMs: 60_000,
    ...options,
  });
  onTestFinished(() => answers.close());
  return answers;
}

const inAMinute = (): number => Date.now() + 60_000;

async function listening(): Promise<InstanceType<typeof FakeClient>> {
  return vi.waitFor(() => {
    const client = FakeClient.all.at(-1);
    expect(client?.queries).toEqual(['LISTEN purser_answers']);
    return client as InstanceType<typeof FakeClient>;
  });
}

afterEach(() => {
  FakeClient.all.length = 0;
  FakeClient.refuse = false;
});

describe('answers', () => {
  it('wakes exactly the operations that a notification names', async () => {
    const answers = answersOf();
    const client = await listening();
    const named = Promise.all([answers.changed(id(1), inAMinute()), answers.changed(id(2), inAMinute())]);
    void answers.changed(id(3), inAMinute());
    client.emit('notification', { payload: `${id(1)},${id(2)},garbage` });
    await named;
    expect(answers.waiting).toBe(1);
  });

  it('finds what was never notified by one poll over all that wait', async () => {
    const poll = vi.fn<AnswersOptions['poll']>(() => Promise.resolve([id(1), id(2)]));
    const answers = answersOf({ poll, pollMs: 5 });
    await listening();
    await Promise.all([answers.changed(id(1), inAMinute()), answers.changed(id(2), inAMinute())]);
    expect(poll.mock.calls.at(-1)).toEqual([[id(1), id(2)]]);
  });

  it('asks nothing while nobody waits', async () => {
    const poll = vi.fn<AnswersOptions['poll']>(() => Promise.resolve([id(1)]));
    const answers = answersOf({ poll, pollMs: 1 });
    await listening();
    await answers.changed(id(1), inAMinute());
    const asked = poll.mock.calls.filter(([ids]) => ids.length > 0).length;
    expect(asked).toBe(1);
    expect(answers.waiting).toBe(0);
  });

  it('returns at the deadline and forgets the waiter', async () => {
    const answers = answersOf();
    await answers.changed(id(1), Date.now() + 20);
    expect(answers.waiting).toBe(0);
  });

  it('keeps polling when the database fails, and connects again', async () => {
    FakeClient.refuse = true;
    let failures = 0;
    const poll = vi.fn<AnswersOptions['poll']>(() =>
      (failures += 1) < 3 ? Promise.reject(new Error('away')) : Promise.resolve([id(1)]),
    );
    const answers = answersOf({ poll, pollMs: 5 });
    await answers.changed(id(1), inAMinute());
    FakeClient.refuse = false;
    const client = await listening();
    client.emit('error', new Error('terminated'));
    await vi.waitFor(() => expect(FakeClient.all.at(-1)).not.toBe(client));
  });

  it('holds a bounded number of waiters', async () => {
    const answers = answersOf({ capacity: 1 });
    void answers.changed(id(1), inAMinute());
    await answers.changed(id(2), Date.now() + 10);
    expect(answers.waiting).toBe(1);
  });

  it('lets every waiter go when it closes', async () => {
    const answers = answersOf();
    const waits = [answers.changed(id(1), inAMinute()), answers.changed(id(2), inAMinute())];
    await answers.close();
    await Promise.all(waits);
    await answers.changed(id(3), inAMinute());
  });
});

// Who uses the installation: clients that retry until they have an answer, approvers who race each other, an operator who stops things.
import { isErrorCode, parseIdempotencyKey, Refusal, type OperationId } from '#domain';
import {
  approve,
  cancel,
  cancelOnChain,
  reject,
  submit,
  viewOperation,
  type AgentPrincipal,
  type Ports,
  type StopScope,
  type SubmitRequest,
} from '#engine';
import { aRequest, NETWORK, SELLER, TOKEN } from '../support/builders.js';
import { memoryHeaders, memoryVault } from '../support/memory-basics.js';
import { MODES } from '../support/memory-seller.js';
import type { Installation } from './processes.js';
import type { Agent, World } from './world.js';

const CALL_TIMEOUT_MS = 20_000;

type Answered<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'unknown' };

export class People {
  /** Clients that have no answer yet. */
  waiting = 0;
  private readonly planned = new Set<string>();

  constructor(
    private readonly world: World,
    private readonly installation: Installation,
  ) {}

  /** One purchase or authorization, whose caller retries with the same key until it is answered, and sometimes more often than that. */
  async client(index: number): Promise<void> {
    const { random } = this.world;
    const agent = random.pick(this.world.agents);
    const key = `key-${index}`;
    const request = this.request(index);
    const body = request.method === 'POST' ? new TextEncoder().encode(`body ${index}`) : null;
    const principal = principalOf(agent);
    const ask = (variant: 'same' | 'other'): Promise<OperationId | null> =>
      this.submit(
        principal,
        key,
        variant === 'same' ? request : { ...request, url: `${request.url}&other` },
        { body, variant },
      );
    this.waiting += 1;
    const extra = random.chance(0.2) ? random.int(4) : 0;
    for (let n = 0; n < extra; n += 1) {
      this.world.counters.add('duplicate:parallel');
      void ask('same');
    }
    const operationId = await ask('same');
    this.waiting -= 1;
    if (operationId === null) return;
    if (random.chance(0.2)) this.later(60_000, 'duplicate:late', () => void ask('same'));
    if (random.chance(0.1)) this.later(20_000, 'duplicate:other_bytes', () => void ask('other'));
    if (random.chance(0.06)) this.later(15_000, 'people:cancel', () => this.cancel(agent, operationId));
    if (random.chance(0.08)) this.later(45_000, 'people:kill', () => this.kill(agent, operationId));
    if (request.kind === 'authorize') await this.useAuthorization(agent, operationId, request);
  }

  /** Looks at what waits for approval and decides what will happen to it; call it often. */
  approvals(): void {
    for (const [operationId, { loaded }] of this.world.database.operations) {
      const state = loaded.state.status === 'awaiting_approval' ? loaded.state : null;
      if (!state || this.planned.has(state.approval.approvalId)) continue;
      this.planned.add(state.approval.approvalId);
      const agent = this.world.agents.find((it) => it.agentId === loaded.agentId) as Agent;
      this.decide(agent, operationId, state.approval);
    }
  }

  private decide(
    agent: Agent,
    operationId: OperationId,
    { digest, decideByMs }: { readonly digest: string; readonly decideByMs: number },
  ): void {
    const { random, scheduler } = this.world;
    const as = (person: string) => ({ workspaceId: agent.workspaceId, keyId: `key of ${person}`, person });
    const say = {
      approve: () => this.call((ports) => approve(ports, as('approver-1'), operationId, digest)),
      approve_too: () => this.call((ports) => approve(ports, as('approver-2'), operationId, digest)),
      reject: () => this.call((ports) => reject(ports, as('approver-2'), operationId, 'no')),
      cancel: () => this.call((ports) => cancel(ports, principalOf(agent), operationId, 'not needed')),
      self: () => this.call((ports) => approve(ports, as(agent.person), operationId, digest)),
      other_terms: () => this.call((ports) => approve(ports, as('approver-1'), operationId, 'other')),
    };
    const untilDeadline = Math.max(0, decideByMs - scheduler.nowMs);
    const at = random.chance(0.2) ? untilDeadline + random.between(-1_500, 1_500) : random.between(0, 15_000);
    const soon = (who: keyof typeof say, ms: number): void =>
      this.later(-ms, `approval:${who}`, () => void say[who]());
    if (random.chance(0.1)) soon('self', Math.max(1, at - 500));
    if (random.chance(0.1)) soon('other_terms', Math.max(1, at - 400));
    const choice = random.next();
    if (choice < 0.1) return; // Nobody decides: it expires.
    soon(choice < 0.75 ? 'approve' : choice < 0.9 ? 'reject' : 'cancel', Math.max(1, at));
    if (random.chance(0.3))
      soon(random.pick(['approve_too', 'reject', 'cancel']), Math.max(1, at + random.between(0, 5)));
  }

  /** Stops and resumes, and moves caps; the counter's name says what. */
  operator(): void {
    const { world } = this;
    const agent = world.random.pick(world.agents);
    const { workspaceId } = agent;
    const scope = world.random.pick<StopScope>([
      { kind: 'global' },
      { kind: 'workspace', workspaceId },
      { ...agent, kind: 'agent' },
      { kind: 'payee', workspaceId, payee: SELLER, network: world.random.pick([null, NETWORK]) },
      { kind: 'host', workspaceId, host: world.random.pick(['*.example', 'invoice.example']) },
    ]);
    if (world.happens(0.15, `people:stop_${scope.kind}`)) {
      world.setStopped(scope, true);
      world.scheduler.after(world.random.between(500, 4_000), () => world.setStopped(scope, false));
    }
    if (world.happens(0.05, 'people:cap_moved'))
      world.setCap(agent.agentId, { day: BigInt(world.random.int(200_000)) });
  }

  private cancel(agent: Agent, operationId: OperationId): void {
    void this.call((ports) => cancel(ports, principalOf(agent), operationId, 'changed my mind'));
  }

  /** On chain, whatever the seller does at the same time. */
  private kill(agent: Agent, operationId: OperationId): void {
    void this.call((ports) => cancelOnChain(ports, principalOf(agent), operationId, 'wrong shop'));
  }

  private request(index: number): SubmitRequest {
    const { random } = this.world;
    const mode = random.pick(MODES);
    const authorize = random.chance(0.12);
    if (!authorize && random.chance(0.12)) return this.settleRequest(index);
    const method = !authorize && random.chance(0.25) ? 'POST' : 'GET';
    const dear = random.chance(0.3) || mode === 'price_changes' || mode === 'payee_changes';
    const price = dear ? 15_000 + random.int(5_000) : 500 + random.int(6_000);
    const timeout = random.pick([30, 60, 60, 600]);
    const free = random.chance(0.02) ? '&free=1' : '';
    const pay = random.pick(['', '', '&pay=permit2', '&pay=upto']);
    const {
      agentId: _agentId,
      bodyHash: _bodyHash,
      ...rest
    } = aRequest({
      kind: authorize ? 'authorize' : 'purchase',
      url: `https://${mode.replaceAll('_', '-')}.example/item?n=${index}&price=${price}&timeout=${timeout}${free}${pay}`,
      method,
      maxAmount: random.chance(0.03) ? 100n : 25_000n,
      challenge: authorize && random.chance(0.5) ? {} : null,
      allowReplay: random.chance(0.3),
      timeoutMs: random.pick([2_000, 10_000]),
    });
    return rest;
  }

  /** What is settled, by ourselves or through facilitators, names its terms. */
  private settleRequest(index: number): SubmitRequest {
    const { random } = this.world;
    const {
      agentId: _agentId,
      bodyHash: _bodyHash,
      ...rest
    } = aRequest({
      kind: 'settle',
      ...(random.chance(0.5) ? { settleBy: 'facilitator' as const } : {}),
      url: `https://invoice.example/${index}`,
      maxAmount: null,
      expect: { payTo: SELLER, amount: BigInt(500 + random.int(18_000)), network: NETWORK, asset: TOKEN },
    });
    return rest;
  }

  private async submit(
    principal: AgentPrincipal,
    key: string,
    request: SubmitRequest,
    { body, variant }: { readonly body: Uint8Array | null; readonly variant: 'same' | 'other' },
  ): Promise<OperationId | null> {
    for (;;) {
      const answer = await this.call((ports) =>
        submit(ports, principal, { key: parseIdempotencyKey(key), request, body }),
      );
      const { history, scheduler } = this.world;
      const call = { agentId: principal.agentId, key, variant };
      if (answer.kind === 'ok') {
        history.calls.push({ ...call, operationId: answer.value.operationId, code: null });
        return answer.value.operationId;
      }
      if (answer.kind === 'refused') history.calls.push({ ...call, operationId: null, code: answer.code });
      if (answer.kind === 'refused' && !answer.code.endsWith('_paused')) return null;
      await scheduler.sleep(1_000);
    }
  }

  /** The caller of an authorize operation presents the header itself, once or twice, or never. */
  private async useAuthorization(
    agent: Agent,
    operationId: OperationId,
    request: SubmitRequest,
  ): Promise<void> {
    const { scheduler, database, random, seller } = this.world;
    for (let tries = 0; tries < 20; tries += 1) {
      await scheduler.sleep(3_000);
      const answer = await this.call((ports) => viewOperation(ports, { ...agent, operationId }));
      const view = answer.kind === 'ok' ? answer.value : null;
      const stored = database.blobs.get(`${agent.workspaceId}/${operationId}/signature`);
      if (!view?.authorization || !view.terms || !stored) continue;
      this.world.counters.add('people:authorization_used');
      const signature = memoryVault.open(agent.workspaceId, stored.sealed);
      const header = memoryHeaders.encode(view.terms, view.authorization, signature, operationId);
      const sellerRequest = { ...request, workspaceId: agent.workspaceId, body: null };
      for (let times = random.int(3); times > 0; times -= 1) void seller.present(sellerRequest, header);
      return;
    }
  }

  private later(ms: number, counter: string, run: () => void): void {
    const delayMs = ms < 0 ? -ms : this.world.random.between(1, ms);
    this.world.scheduler.after(delayMs, () => {
      this.world.counters.add(counter);
      run();
    });
  }

  /** One call to some API process. A process that dies never answers: then the caller knows nothing. */
  private async call<T>(use: (ports: Ports) => Promise<T>): Promise<Answered<T>> {
    const { scheduler } = this.world;
    const ports = this.installation.api();
    if (!ports) return { kind: 'unknown' };
    const timeout = scheduler.sleep(CALL_TIMEOUT_MS).then((): Answered<T> => ({ kind: 'unknown' }));
    const answer = use(ports).then(
      (value): Answered<T> => ({ kind: 'ok', value }),
      (error: unknown): Answered<T> =>
        error instanceof Refusal && isErrorCode(error.code)
          ? { kind: 'refused', code: error.code }
          : { kind: 'unknown' },
    );
    return Promise.race([answer, timeout]);
  }
}

function principalOf(agent: Agent): AgentPrincipal {
  return { ...agent, keyId: `key of ${agent.person}` };
}

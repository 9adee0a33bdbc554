import type { StackFile } from '../stack/stack-file.js';

/** One HTTP answer, as the story shows it. */
export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

interface Request {
  readonly body?: unknown;
  /** Idempotency-Key. */
  readonly key?: string;
}

/** Speaks plain HTTP with one party's credentials, as any caller would; nothing here knows Purser from the inside. */
export type Caller = <T>(method: string, path: string, request?: Request) => Promise<Answer<T>>;

function caller(baseUrl: string, credentials: Readonly<Record<string, string>>): Caller {
  return async <T>(method: string, path: string, { body, key }: Request = {}) => {
    const response = await fetch(`${baseUrl}${path}`, {
      method,
      headers: {
        ...credentials,
        ...(body === undefined ? undefined : { 'content-type': 'application/json' }),
        ...(key === undefined ? undefined : { 'idempotency-key': key }),
      },
      ...(body === undefined ? undefined : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(90_000),
    });
    const text = await response.text();
    const parsed = (text === '' ? {} : JSON.parse(text)) as T;
    return { status: response.status, headers: response.headers, body: parsed };
  };
}

export const agentCaller = (apiUrl: string, agent: StackFile['agent']): Caller =>
  caller(apiUrl, { 'x-agent-id': agent.id, 'x-api-key': agent.apiKey });

export const approverCaller = ({ apiUrl, approver }: StackFile): Caller =>
  caller(apiUrl, { authorization: `Bearer ${approver.token}` });

export const adminCaller = (apiUrl: string, adminKey: string): Caller =>
  caller(apiUrl, { authorization: `Bearer ${adminKey}` });

/** The body of a call that must succeed; anything else is thrown with what the API said. */
export async function must<T>(answering: Promise<Answer<T>>): Promise<T> {
  const answer = await answering;
  if (answer.status < 300) return answer.body;
  throw new Error(`the API answered ${answer.status}: ${JSON.stringify(answer.body)}`);
}

// Callers of a stack, over plain HTTP, who keep a record of what they asked and were told; the checker reads it.
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import type { StackFile } from './stack.js';

export interface Answer {
  /** null: no answer came (connection cut, process killed). */
  readonly status: number | null;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- answers of many shapes, each test names what it reads
  readonly body: any;
}

export interface AgentCredentials {
  readonly id: string;
  readonly apiKey: string;
}

export async function call(
  url: string,
  method: string,
  options: {
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: unknown;
    readonly timeoutMs?: number;
  } = {},
): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method,
      headers: {
        ...options.headers,
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(options.body === undefined
        ? {}
        : { body: typeof options.body === 'string' ? options.body : JSON.stringify(options.body) }),
      signal: AbortSignal.timeout(options.timeoutMs ?? 75_000),
    });
    const text = await response.text();
    let body: unknown = text;
    try {
      body = JSON.parse(text);
    } catch {
      // Not JSON: the text itself is what the test looks at.
    }
    return { status: response.status, headers: response.headers, body };
  } catch {
    return { status: null, headers: new Headers(), body: null };
  }
}

export class Agent {
  constructor(
    private readonly stack: () => StackFile,
    readonly credentials: AgentCredentials,
    private readonly historyFile?: string,
  ) {}

  get headers(): Record<string, string> {
    return { 'x-agent-id': this.credentials.id, 'x-api-key': this.credentials.apiKey };
  }

  /** One purchase attempt at one of the API processes. */
  async purchase(
    key: string,
    body: { readonly url: string; readonly max_amount: string; readonly [field: string]: unknown },
    api = 0,
  ): Promise<Answer> {
    const urls = this.stack().apiUrls;
    const answer = await call(`${urls[api % urls.length]}/v1/agent/x402/purchase`, 'POST', {
      headers: { ...this.headers, 'idempotency-key': key },
      body: { method: 'GET', ...body },
    });
    this.remember(key, body, answer);
    return answer;
  }

  /** The same request until an answer comes that is not "try again": what a careful backend does. */
  async purchaseUntilAnswered(
    key: string,
    body: { readonly url: string; readonly max_amount: string; readonly [field: string]: unknown },
    withinMs = 120_000,
  ): Promise<Answer> {
    const deadline = Date.now() + withinMs;
    for (let attempt = 0; ; attempt += 1) {
      const answer = await this.purchase(key, body, attempt);
      const again =
        answer.status === null || answer.status === 429 || answer.status === 503 || answer.status === 500;
      if (!again || Date.now() > deadline) return answer;
      await new Promise((done) => setTimeout(done, 200));
    }
  }

  get(path: string, api = 0): Promise<Answer> {
    const urls = this.stack().apiUrls;
    return call(`${urls[api % urls.length]}${path}`, 'GET', { headers: this.headers });
  }

  post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return call(`${this.stack().apiUrl}${path}`, 'POST', { headers: { ...this.headers, ...headers }, body });
  }

  private remember(key: string, body: unknown, answer: Answer): void {
    if (this.historyFile === undefined) return;
    const content = createHash('sha256').update(JSON.stringify(body)).digest('hex');
    const entry = { agentId: this.credentials.id, key, content, status: answer.status, body: answer.body };
    appendFileSync(this.historyFile, `${JSON.stringify(entry)}\n`);
  }
}

/** Native routes as the administrator. */
export class Admin {
  constructor(private readonly stack: () => StackFile) {}

  call(method: string, path: string, body?: unknown): Promise<Answer> {
    const { apiUrl, adminKey } = this.stack();
    return call(`${apiUrl}/purser/v1${path}`, method, {
      headers: { authorization: `Bearer ${adminKey}` },
      ...(body === undefined ? {} : { body }),
    });
  }

  async must(method: string, path: string, body?: unknown): Promise<Answer['body']> {
    const answer = await this.call(method, path, body);
    if (answer.status === null || answer.status >= 300)
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
}

export const freshKey = (prefix: string): string => `${prefix}-${randomBytes(6).toString('hex')}`;

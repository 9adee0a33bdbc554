// The issuer asks the API, with the person's own key: it knows no keys and decides nothing about who may do what.
import type { ListedAgent } from './page.js';

export type Answer<T> =
  { readonly ok: true; readonly body: T } | { readonly ok: false; readonly problem: string };

export interface Consent {
  readonly agentId: string;
  readonly clientId: string;
  readonly clientName: string;
  readonly scopes: readonly string[];
}

const WITHIN_MS = 10_000;
const PROBLEMS: Readonly<Record<number, string>> = {
  401: 'That key is not good here.',
  403: "That key may not do this; an admin's or an approver's may.",
  404: 'There is no such agent.',
  429: 'Too many attempts; wait a minute.',
};

export class Purser {
  constructor(private readonly apiUrl: string) {}

  async agents(key: string): Promise<Answer<readonly ListedAgent[]>> {
    const answer = await this.ask<{ items: readonly { agent_id: string; name: string; status: string }[] }>(
      key,
      'GET',
      '/purser/v1/agents?limit=100',
    );
    if (!answer.ok) return answer;
    const active = answer.body.items.filter(({ status }) => status === 'active');
    return { ok: true, body: active.map(({ agent_id: agentId, name }) => ({ agentId, name })) };
  }

  /** Writes the grant down, in the name of whoever the key belongs to. */
  consent(
    key: string,
    { agentId, clientId, clientName, scopes }: Consent,
  ): Promise<Answer<{ readonly grant_id: string; readonly person: string }>> {
    return this.ask(key, 'POST', '/purser/v1/oauth/grants', {
      agent_id: agentId,
      client_id: clientId,
      client_name: clientName,
      scopes,
    });
  }

  private async ask<T>(key: string, method: string, path: string, body?: object): Promise<Answer<T>> {
    try {
      const response = await fetch(`${this.apiUrl}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: 'error',
        signal: AbortSignal.timeout(WITHIN_MS),
      });
      if (response.ok) return { ok: true, body: (await response.json()) as T };
      await response.body?.cancel();
      return { ok: false, problem: PROBLEMS[response.status] ?? 'Purser did not take that; try again.' };
    } catch {
      return { ok: false, problem: 'Purser did not answer; try again.' };
    }
  }
}

// The issuer asks the API, with the person's own key and from their own address: it knows no keys and decides nothing about who may do what.
import { ISSUER_HEADERS } from '#runtime';
import type { ListedAgent } from './page.js';
import type { IssuerSettings } from './settings.js';

export type Answer<T> =
  { readonly ok: true; readonly body: T } | { readonly ok: false; readonly problem: string };

/** Who sits at the browser. */
export interface Person {
  readonly key: string;
  /** The browser's, as the API saw it. */
  readonly ip: string;
}

export interface Consent {
  readonly agentId: string;
  readonly clientId: string;
  readonly clientName: string;
  readonly scopes: readonly string[];
}

interface AgentsPage {
  readonly items: readonly { readonly agent_id: string; readonly name: string; readonly status: string }[];
  readonly next_cursor: string | null;
}

const MOST_PAGES = 10;
const WITHIN_MS = 10_000;
const PROBLEMS: Readonly<Record<number, string>> = {
  401: 'That key is not good here.',
  403: "That key may not do this; an admin's or an approver's may.",
  404: 'There is no such agent.',
  429: 'Too many attempts; wait a minute.',
};

export class Purser {
  constructor(private readonly api: Pick<IssuerSettings, 'apiUrl' | 'apiSecret'>) {}

  /** The active agents of the key's workspace, newest first; the newest thousand, if there are more. */
  async agents(person: Person): Promise<Answer<readonly ListedAgent[]>> {
    const found: ListedAgent[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < MOST_PAGES && (page === 0 || cursor !== null); page += 1) {
      const after: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const answer: Answer<AgentsPage> = await this.ask(person, 'GET', `/purser/v1/agents?limit=100${after}`);
      if (!answer.ok) return answer;
      const active = answer.body.items.filter(({ status }) => status === 'active');
      found.push(...active.map(({ agent_id: agentId, name }) => ({ agentId, name })));
      cursor = answer.body.next_cursor;
    }
    return { ok: true, body: found };
  }

  /** Writes the grant down, in the name of whoever the key belongs to. */
  consent(
    person: Person,
    { agentId, clientId, clientName, scopes }: Consent,
  ): Promise<Answer<{ readonly grant_id: string; readonly person: string }>> {
    return this.ask(person, 'POST', '/purser/v1/oauth/grants', {
      agent_id: agentId,
      client_id: clientId,
      client_name: clientName,
      scopes,
    });
  }

  private async ask<T>({ key, ip }: Person, method: string, path: string, body?: object): Promise<Answer<T>> {
    const { apiUrl, apiSecret } = this.api;
    try {
      const response = await fetch(`${apiUrl}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          [ISSUER_HEADERS.secret]: apiSecret,
          [ISSUER_HEADERS.caller]: ip,
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

// `/connect/<uid>`: a person proves who they are with a key, picks one agent and what for. The key is held in memory until they have answered,
// ten minutes at most; it is never written down and never leaves for anybody but the API.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errors, type InteractionResults, type Provider } from 'oidc-provider';
import { callerOf } from './caller.js';
import {
  askForConsent,
  askForKey,
  explainError,
  PAGE_HEADERS,
  type ListedAgent,
  type Request,
} from './page.js';
import type { Purser } from './purser.js';
import { SCOPES } from './scopes.js';

interface Proof {
  readonly key: string;
  readonly agents: readonly ListedAgent[];
  readonly expiresAtMs: number;
}

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>;

const LARGEST_FORM = 16 * 1024;
const HELD_FOR_MS = 10 * 60_000;
const MOST_ATTEMPTS = 5;

export interface ConnectParts {
  readonly provider: Provider;
  readonly purser: Purser;
  readonly publicUrl: string;
}

export class Connect {
  private readonly proofs = new Map<string, Proof>();
  private readonly attempts = new Map<string, number>();

  constructor(private readonly parts: ConnectParts) {}

  /** Answers a request to a path below /connect/. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.forgetOld();
    let interaction: Interaction;
    try {
      interaction = await this.parts.provider.interactionDetails(request, response);
    } catch (error) {
      if (!(error instanceof errors.SessionNotFound)) throw error;
      return send(response, 400, explainError('expired', 'Start again at the application you came from.'));
    }
    const asked = await this.askedFor(interaction);
    if (asked.scopes.length === 0) return this.finish(request, response, interaction, NOTHING_ASKED);
    if (request.method === 'GET') return send(response, 200, askForKey(asked), asked);
    if (request.method !== 'POST' || !this.isOwnPage(request))
      return send(response, 403, explainError('refused', 'This came from another page.'));
    const form = (await readForm(request)) ?? new URLSearchParams();
    switch (form.get('step') ?? '') {
      case 'key':
        return this.onKey(request, response, { interaction, asked, key: form.get('key') ?? '' });
      case 'consent':
        return this.onConsent(request, response, { interaction, asked, form });
      case 'refuse':
        return this.finish(request, response, interaction, REFUSED);
      default:
        return send(response, 400, explainError('malformed', 'The form was not understood.'));
    }
  }

  private async onKey(
    request: IncomingMessage,
    response: ServerResponse,
    { interaction, asked, key }: { interaction: Interaction; asked: Request; key: string },
  ): Promise<void> {
    const attempts = (this.attempts.get(interaction.uid) ?? 0) + 1;
    this.attempts.set(interaction.uid, attempts);
    if (attempts > MOST_ATTEMPTS) return this.finish(request, response, interaction, REFUSED);
    const agents = await this.parts.purser.agents({ key: key.trim(), ip: callerOf(request) });
    if (!agents.ok) return send(response, 200, askForKey(asked, agents.problem), asked);
    if (agents.body.length === 0)
      return send(response, 200, askForKey(asked, 'This workspace has no active agent.'), asked);
    const expiresAtMs = performance.now() + HELD_FOR_MS;
    this.proofs.set(interaction.uid, { key: key.trim(), agents: agents.body, expiresAtMs });
    return send(response, 200, askForConsent(asked, agents.body), asked);
  }

  private async onConsent(
    request: IncomingMessage,
    response: ServerResponse,
    { interaction, asked, form }: { interaction: Interaction; asked: Request; form: URLSearchParams },
  ): Promise<void> {
    const proof = this.proofs.get(interaction.uid);
    if (proof === undefined) return send(response, 200, askForKey(asked, 'Your key again, please.'), asked);
    const scopes = asked.scopes.filter((scope) => form.getAll('scope').includes(scope));
    if (scopes.length === 0)
      return send(response, 200, askForConsent(asked, proof.agents, 'Nothing is chosen.'), asked);
    const person = { key: proof.key, ip: callerOf(request) };
    const agreed = await this.parts.purser.consent(person, {
      agentId: form.get('agent') ?? '',
      clientId: asked.clientId,
      clientName: asked.clientName,
      scopes,
    });
    if (!agreed.ok) return send(response, 200, askForConsent(asked, proof.agents, agreed.problem), asked);
    const { grant_id: grantId, person: name } = agreed.body;
    await this.remember(interaction, asked, { grantId, person: name, scopes });
    return this.finish(request, response, interaction, {
      login: { accountId: name, remember: false },
      consent: { grantId },
    });
  }

  /** The library's own record of a grant, under the name that the API gave it. */
  private async remember(
    { params }: Interaction,
    { clientId, resource, scopes: wanted }: Request,
    { grantId, person, scopes }: { grantId: string; person: string; scopes: readonly string[] },
  ): Promise<void> {
    const grant = new this.parts.provider.Grant({ accountId: person, clientId });
    grant.jti = grantId;
    grant.addResourceScope(resource, scopes.join(' '));
    const left = wanted.filter((scope) => !scopes.includes(scope));
    if (left.length > 0) grant.rejectResourceScope(resource, left.join(' '));
    const own = String(params['scope'] ?? '')
      .split(' ')
      .filter((scope) => scope === 'openid' || scope === 'offline_access');
    if (own.length > 0) grant.addOIDCScope(own.join(' '));
    await grant.save();
  }

  private async finish(
    request: IncomingMessage,
    response: ServerResponse,
    { uid }: Interaction,
    result: InteractionResults,
  ): Promise<void> {
    this.proofs.delete(uid);
    this.attempts.delete(uid);
    await this.parts.provider.interactionFinished(request, response, result, {
      mergeWithLastSubmission: false,
    });
  }

  private async askedFor({ params }: Interaction): Promise<Request> {
    const { client_id: clientId, redirect_uri: redirectUri, scope, resource } = params;
    const client = await this.parts.provider.Client.find(String(clientId));
    const wanted = String(scope ?? '').split(' ');
    return {
      clientId: String(clientId),
      clientName: shownName(client?.clientName) ?? String(clientId),
      redirectUri: String(redirectUri),
      resource: String(resource),
      scopes: SCOPES.filter((known) => wanted.includes(known)),
    };
  }

  /** A form of another site would come without our cookie; this is the second lock. */
  private isOwnPage({ headers }: IncomingMessage): boolean {
    return headers.origin === undefined || headers.origin === this.parts.publicUrl;
  }

  private forgetOld(): void {
    const now = performance.now();
    for (const [uid, { expiresAtMs }] of this.proofs) if (expiresAtMs < now) this.proofs.delete(uid);
    if (this.attempts.size > 10_000) this.attempts.clear();
  }
}

/** As the books take it. */
function shownName(name: string | undefined): string | undefined {
  const plain = (name ?? '').replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, ' ').trim();
  return plain === '' ? undefined : plain.slice(0, 120);
}

const NOTHING_ASKED: InteractionResults = {
  error: 'invalid_scope',
  error_description: `no scope is known here; there are ${SCOPES.join(', ')}`,
};
const REFUSED: InteractionResults = {
  error: 'access_denied',
  error_description: 'the person refused',
};

function send(response: ServerResponse, status: number, html: string, asked?: Request): void {
  const policy = PAGE_HEADERS['content-security-policy'];
  response.writeHead(status, {
    ...PAGE_HEADERS,
    'content-type': 'text/html; charset=utf-8',
    // The answer to the last form leads to the client: browsers hold that against `form-action`, too.
    'content-security-policy':
      asked === undefined
        ? policy
        : policy.replace("form-action 'none'", `form-action 'self' ${sourceOf(asked.redirectUri)}`),
  });
  response.end(html);
}

function sourceOf(redirectUri: string): string {
  const { origin, protocol } = new URL(redirectUri);
  return origin === 'null' ? protocol : origin;
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > LARGEST_FORM) return undefined;
    parts.push(part);
  }
  return new URLSearchParams(Buffer.concat(parts).toString('utf8'));
}

// An OAuth client and a person's browser over plain HTTP: redirects are looked at, cookies are kept, forms are sent as a browser would.
import { createHash, randomBytes } from 'node:crypto';
import type { StackFile } from './stack.js';

export const REDIRECT = 'http://127.0.0.1:9/callback';

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- answers of many shapes, each test names what it reads
  readonly body: any;
}

export async function send(url: string, init: RequestInit = {}): Promise<Reply> {
  const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(30_000), ...init });
  const text = await response.text();
  let body: unknown = text;
  if (response.headers.get('content-type')?.includes('json') === true) body = JSON.parse(text);
  return { status: response.status, headers: response.headers, body };
}

/** One person's cookies, and where they sit: as a trusted proxy would say it, or here. */
export class Browser {
  constructor(private readonly ip?: string) {}

  private readonly cookies = new Map<string, { readonly value: string; readonly path: string }>();

  async open(url: string, form?: Readonly<Record<string, string | readonly string[]>>): Promise<Reply> {
    const { pathname, origin } = new URL(url);
    const cookie = [...this.cookies]
      .filter(([, { path }]) => pathname.startsWith(path))
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ');
    const fields = Object.entries(form ?? {}).flatMap(([name, value]) =>
      [value].flat().map((one): [string, string] => [name, one]),
    );
    const reply = await send(url, {
      headers: {
        ...(cookie === '' ? {} : { cookie }),
        ...(form === undefined ? {} : { origin }),
        ...(this.ip === undefined ? {} : { 'x-forwarded-for': this.ip }),
      },
      ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(fields) }),
    });
    for (const text of reply.headers.getSetCookie()) this.keep(text);
    return reply;
  }

  private keep(text: string): void {
    const [pair = '', ...attributes] = text.split('; ');
    const at = pair.indexOf('=');
    const path = attributes.find((it) => /^path=/i.test(it))?.slice(5) ?? '/';
    const value = pair.slice(at + 1);
    if (value === '') this.cookies.delete(pair.slice(0, at));
    else this.cookies.set(pair.slice(0, at), { value, path });
  }
}

export interface Wish {
  readonly scope: string;
  readonly resource?: string;
  /** What the person ticks; everything when absent. */
  readonly ticked?: readonly string[];
  readonly key?: string;
  /** Instead of what a good client sends; undefined leaves a parameter out. */
  readonly instead?: Readonly<Record<string, string | undefined>>;
}

export class OAuthClient {
  private constructor(
    private readonly stack: StackFile,
    readonly clientId: string,
  ) {}

  /** Registers itself, as anybody may on the local stack. */
  static async register(stack: StackFile): Promise<OAuthClient> {
    const { status, body } = await register(stack, { client_name: 'Test client', redirect_uris: [REDIRECT] });
    if (status !== 201) throw new Error(`registering failed: ${JSON.stringify(body)}`);
    return new OAuthClient(stack, body.client_id as string);
  }

  static of(stack: StackFile, clientId: string): OAuthClient {
    return new OAuthClient(stack, clientId);
  }

  get resource(): string {
    return `${this.stack.apiUrl}/v1/agent`;
  }

  /** Sends the person to the issuer and back. The code is in the answer's `location`, or an error is. */
  async authorize(
    wish: Wish,
    browser = new Browser(),
  ): Promise<{ readonly location: URL; readonly verifier: string }> {
    const verifier = randomBytes(32).toString('base64url');
    const asked = await browser.open(this.authorizationUrl(wish, verifier));
    const first = locationOf(asked, this.stack);
    if (!first.pathname.startsWith('/connect/')) return { location: first, verifier };
    const page = first.href;
    const agents = await browser.open(page, { step: 'key', key: wish.key ?? this.stack.adminKey });
    if (!String(agents.body).includes(this.stack.agent.id))
      throw new Error(`no agent is offered: ${agents.body}`);
    const scope = wish.ticked ?? wish.scope.split(' ');
    const agreed = await browser.open(page, { step: 'consent', agent: this.stack.agent.id, scope });
    const resumed = await browser.open(locationOf(agreed, this.stack).href);
    return { location: locationOf(resumed, this.stack), verifier };
  }

  authorizationUrl({ scope, resource = this.resource, instead = {} }: Wish, verifier: string): string {
    const parameters: Record<string, string | undefined> = {
      client_id: this.clientId,
      response_type: 'code',
      redirect_uri: REDIRECT,
      scope,
      resource,
      state: 'xyz',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...instead,
    };
    const kept = Object.entries(parameters).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, value]],
    );
    return `${this.stack.apiUrl}/oauth/auth?${new URLSearchParams(kept).toString()}`;
  }

  exchange(code: string, verifier: string, instead: Readonly<Record<string, string>> = {}): Promise<Reply> {
    return this.token({
      grant_type: 'authorization_code',
      code,
      code_verifier: verifier,
      redirect_uri: REDIRECT,
      ...instead,
    });
  }

  refresh(refreshToken: string): Promise<Reply> {
    return this.token({ grant_type: 'refresh_token', refresh_token: refreshToken });
  }

  /** The whole way. @throws when there is no token at its end. */
  async tokens(
    wish: Wish,
  ): Promise<{ readonly access: string; readonly refresh: string; readonly scope: string }> {
    const { location, verifier } = await this.authorize(wish);
    const { status, body } = await this.exchange(location.searchParams.get('code') ?? '', verifier);
    if (status !== 200) throw new Error(`${location.href}: ${JSON.stringify(body)}`);
    return { access: body.access_token, refresh: body.refresh_token, scope: body.scope };
  }

  token(fields: Readonly<Record<string, string>>): Promise<Reply> {
    return postForm(`${this.stack.apiUrl}/oauth/token`, { client_id: this.clientId, ...fields });
  }

  revoke(token: string): Promise<Reply> {
    return postForm(`${this.stack.apiUrl}/oauth/token/revocation`, { client_id: this.clientId, token });
  }
}

export function register(stack: StackFile, metadata: object): Promise<Reply> {
  return send(`${stack.apiUrl}/oauth/reg`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ application_type: 'native', ...metadata }),
  });
}

export function postForm(
  url: string,
  fields: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  return send(url, { method: 'POST', headers, body: new URLSearchParams(fields) });
}

function locationOf({ status, headers, body }: Reply, { apiUrl }: StackFile): URL {
  const location = headers.get('location');
  if (location === null) throw new Error(`no redirect, ${status}: ${String(body)}`);
  return new URL(location, apiUrl);
}

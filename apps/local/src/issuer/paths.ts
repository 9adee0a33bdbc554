// Under which names the issuer is reached: these, to the letter. oidc-provider also takes a path in capitals or with a slash behind it, and whatever
// goes by a path's name, such as a limit, would miss it under such a spelling.

export type Destination = 'health' | 'connect' | 'registration' | 'authorization' | 'resume' | 'protocol';

const EXACT: ReadonlyMap<string, Destination> = new Map([
  ['/health', 'health'],
  ['/oauth/reg', 'registration'],
  ['/oauth/auth', 'authorization'],
  ['/oauth/token', 'protocol'],
  ['/oauth/token/revocation', 'protocol'],
  ['/oauth/jwks', 'protocol'],
  ['/.well-known/oauth-authorization-server', 'protocol'],
  ['/.well-known/openid-configuration', 'protocol'],
]);
/** The page where a person is asked, and the way back from it. */
const BY_ID: readonly (readonly [RegExp, Destination])[] = [
  [/^\/connect\/[A-Za-z0-9_-]+$/, 'connect'],
  [/^\/oauth\/auth\/[A-Za-z0-9_-]+$/, 'resume'],
];

/** Where a request's target leads, as it came. Undefined: there is nothing under that name. */
export function destinationOf(target: string): Destination | undefined {
  const [path = ''] = target.split('?', 1);
  return EXACT.get(path) ?? BY_ID.find(([pattern]) => pattern.test(path))?.[1];
}

import type { Caller } from './household.js';

/** Over a socket. */
export const callerAt =
  (baseUrl: string): Caller =>
  async ({ method, path, headers = {}, body }) => {
    const answer = await fetch(new URL(path, baseUrl), {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    const json = answer.headers.get('content-type')?.includes('json') === true;
    return {
      status: answer.status,
      headers: Object.fromEntries(answer.headers),
      text,
      body: json ? (JSON.parse(text) as unknown) : text,
    };
  };

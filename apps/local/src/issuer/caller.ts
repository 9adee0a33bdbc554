import type { IncomingMessage } from 'node:http';

/** The address of whoever asks, as the API in front saw it. */
export function callerOf({ headers, socket }: IncomingMessage): string {
  const forwarded = headers['x-forwarded-for'];
  return (typeof forwarded === 'string' ? forwarded : socket.remoteAddress) ?? '';
}

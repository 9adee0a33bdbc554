// Request bodies. Of two equal keys JSON.parse keeps the last, while a proxy or an auditor's tool may show the first: a request that
// means two things is refused (safety.md T7). An empty body is no body: some clients name a type where they send nothing.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { refuse } from '#domain';

type Done = (error: Error | null, body?: unknown) => void;

/** The bytes of a body as they came: signatures are checked over them. */
const RAW = Symbol('raw body');
interface Received {
  [RAW]?: Buffer;
}

/** Empty where there was no body. */
export function rawBodyOf(request: FastifyRequest): Uint8Array {
  return (request as Received)[RAW] ?? NOTHING;
}
const NOTHING = new Uint8Array(0);

/** Nothing but JSON is read; Fastify's own parser refuses what is not JSON and every `__proto__`. */
export function readJsonBodies(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    (request: FastifyRequest, raw: Buffer, done: Done) => {
      (request as Received)[RAW] = raw;
      const body = raw.toString('utf8');
      if (body === '') return done(null, undefined);
      void parse(request, body, (error: Error | null, value?: unknown) => {
        const twice = error ? undefined : duplicateKey(body);
        if (twice === undefined) done(error, value);
        else done(refuse('validation_failed', { field: twice.slice(0, 100), reason: 'duplicate_key' }));
      });
    },
  );
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/g;

/** The first key that an object of this valid JSON text holds twice. */
export function duplicateKey(text: string): string | undefined {
  // One set for every object around; null for a list, whose strings are no keys.
  const around: (Set<string> | null)[] = [];
  let last = '';
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{') around.push(new Set());
    else if (token === '[') around.push(null);
    else if (token === '}' || token === ']') around.pop();
    else if (token === ':') {
      const keys = around.at(-1);
      const key = last.includes('\\') ? (JSON.parse(last) as string) : last.slice(1, -1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
    last = token;
  }
  return undefined;
}

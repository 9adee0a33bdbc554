import { createHash } from 'node:crypto';
import { decodePaymentSignatureHeader } from '@x402/core/http';
import type { NextFunction, Request, Response } from 'express';
import type { SellerCounters } from './seller.js';

export const PAYMENT_IDENTIFIER = 'payment-identifier';

/** The declaration a route carries: the payer may name its payment, and gets the same answer for the same name. */
export const paymentIdentifierExtension = {
  info: { required: false },
  schema: {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: {
      required: { type: 'boolean' },
      id: { type: 'string', minLength: 16, maxLength: 128, pattern: '^[a-zA-Z0-9_-]+$' },
    },
    required: ['required'],
  },
} as const;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
  readonly body: Buffer;
}

interface Entry {
  readonly fingerprint: string;
  readonly answer: Promise<Answer | undefined>;
}

/**
 * The seller's half of the payment-identifier extension: the same id with the same payload gets the first answer again,
 * with another payload a 409. It stands before the payment middleware, so a repeat never reaches settlement.
 */
export function rememberAnswers(counters: SellerCounters) {
  const entries = new Map<string, Entry>();
  return async (request: Request, response: Response, next: NextFunction): Promise<void> => {
    const header = request.get('payment-signature');
    const id = header === undefined ? undefined : identifierIn(header);
    if (header === undefined || id === undefined) return next();
    const fingerprint = createHash('sha256')
      .update(`${request.method} ${request.url} ${header}`)
      .digest('hex');
    const known = entries.get(id);
    if (known !== undefined && known.fingerprint !== fingerprint) {
      response.status(409).json({ error: 'payment identifier was used for another payment' });
      return;
    }
    const earlier = await known?.answer;
    if (earlier !== undefined) {
      counters.replayed += 1;
      response.status(earlier.status).set(textHeaders(earlier.headers)).end(earlier.body);
      return;
    }
    entries.set(id, { fingerprint, answer: recorded(response, () => entries.delete(id)) });
    next();
  };
}

function identifierIn(header: string): string | undefined {
  try {
    const { extensions } = decodePaymentSignatureHeader(header);
    const entry = extensions?.[PAYMENT_IDENTIFIER] as { info?: { id?: unknown } } | undefined;
    return typeof entry?.info?.id === 'string' ? entry.info.id : undefined;
  } catch {
    // The payment middleware refuses a malformed header in its own words.
    return undefined;
  }
}

/** Keeps what is finally sent. Only success is kept: a refused payment may be tried again under its name. */
function recorded(response: Response, forget: () => void): Promise<Answer | undefined> {
  const chunks: Buffer[] = [];
  const keep = (chunk: unknown): void => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array)
      chunks.push(Buffer.from(chunk as Uint8Array));
  };
  const write = response.write.bind(response) as (...args: unknown[]) => boolean;
  const end = response.end.bind(response) as (...args: unknown[]) => Response;
  response.write = ((...args: unknown[]) => {
    keep(args[0]);
    return write(...args);
  }) as typeof response.write;
  response.end = ((...args: unknown[]) => {
    keep(args[0]);
    return end(...args);
  }) as typeof response.end;
  return new Promise((resolve) => {
    response.once('close', () => {
      const succeeded = response.writableEnded && response.statusCode < 300;
      if (!succeeded) forget();
      resolve(
        succeeded
          ? { status: response.statusCode, headers: response.getHeaders(), body: Buffer.concat(chunks) }
          : undefined,
      );
    });
  });
}

function textHeaders(headers: Answer['headers']): Record<string, string | string[]> {
  const kept = Object.entries(headers).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    kept.map(([name, value]) => [name, Array.isArray(value) ? value : String(value)]),
  );
}

// The seller's answer, handed on: status, harmless headers, body as text when it is text and as base64 when it is not.
import type { Json } from '#domain';
import type { OperationRef, OperationView, Ports, UpstreamAnswer } from '#engine';

export interface RenderedResponse {
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly body_base64?: string;
  readonly body_bytes?: number;
  /** The body is past its time to live. */
  readonly body_expired?: true;
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function renderAnswer({ status, headers, body }: UpstreamAnswer): RenderedResponse {
  const size = { body_bytes: body.byteLength };
  try {
    const text = strict.decode(body);
    if (!text.includes('\u0000')) return { status, headers: harmless(headers), body: text, ...size };
  } catch {
    // Not text; base64 keeps every byte.
  }
  return { status, headers: harmless(headers), body_base64: Buffer.from(body).toString('base64'), ...size };
}

/** What the seller answered; null when it has not been asked for anything yet. */
export async function responseOf(ports: Ports, view: OperationView): Promise<RenderedResponse | null> {
  const { delivery, error } = view;
  const free = error?.code === 'payment_not_required';
  if (!free && (delivery === null || delivery.httpStatus === null)) return null;
  const answer = await storedAnswer(ports, view);
  if (answer) return renderAnswer(answer);
  return { status: delivery?.httpStatus ?? null, headers: {}, body_expired: true };
}

/** As it came; undefined when there is none, or its time to live is over. */
export async function storedAnswer(ports: Ports, ref: OperationRef): Promise<UpstreamAnswer | undefined> {
  const stored = await ports.operations.blob(ref, 'response_body');
  if (!stored) return undefined;
  const { status, headers } = metaOf(stored.meta);
  return { status, headers, body: ports.vault.open(ref.workspaceId, stored.sealed) };
}

function metaOf(meta: Json): { status: number; headers: Readonly<Record<string, string>> } {
  const { status, headers } = meta as { status: number; headers: Record<string, string> };
  return { status, headers };
}

/** A caller must never mistake what we hand back for a demand of our own, nor store a seller's cookies for us. */
const WITHHELD = new Set(['payment-required', 'www-authenticate', 'set-cookie']);

export function harmless(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !WITHHELD.has(name.toLowerCase())));
}

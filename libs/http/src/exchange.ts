// One request and its answer over a pool, under caps. Whatever happens it answers with an outcome; it never throws.
import type { Dispatcher } from 'undici';
import type { Failure, RawResponse } from './outcome.js';

export interface ExchangeRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
  readonly idleTimeoutMs: number;
  readonly maxBodyBytes: (status: number) => number;
  readonly acceptEncodedBody: boolean;
}

type Outcome = { readonly kind: 'response'; readonly response: RawResponse } | Failure;

/** `signal` ends the exchange: its deadline is the caller's. */
export function exchange(pool: Dispatcher, request: ExchangeRequest, signal: AbortSignal): Promise<Outcome> {
  return new Promise((resolve) => {
    const receiver = new Receiver(request, resolve);
    if (signal.aborted) return receiver.fail('timeout');
    const onAbort = (): void => receiver.fail('timeout');
    signal.addEventListener('abort', onAbort, { once: true });
    receiver.onSettled = () => signal.removeEventListener('abort', onAbort);
    const { url, method, headers, body } = request;
    try {
      pool.dispatch(
        {
          path: `${url.pathname}${url.search}`,
          method,
          headers: { ...headers },
          body: body === null ? null : Buffer.from(body.buffer, body.byteOffset, body.byteLength),
          bodyTimeout: request.idleTimeoutMs,
        },
        receiver,
      );
    } catch {
      receiver.fail('request_failed');
    }
  });
}

class Receiver implements Dispatcher.DispatchHandler {
  onSettled: () => void = () => undefined;
  private controller: Dispatcher.DispatchController | undefined;
  /** From the moment the request may be written, its bytes may have left. */
  private sent = false;
  private settled = false;
  private status = 0;
  private headers: RawResponse['headers'] = {};
  private readonly chunks: Uint8Array[] = [];
  private bytes = 0;

  constructor(
    private readonly request: ExchangeRequest,
    private readonly resolve: (outcome: Outcome) => void,
  ) {}

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.settled) return controller.abort(new Error('settled before it started'));
    this.sent = true;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: RawResponse['headers'],
  ): void {
    if (status < 200) return; // Informational: the answer is still to come.
    this.status = status;
    this.headers = headers;
    const encoding = headers['content-encoding'] ?? 'identity';
    if (!this.request.acceptEncodedBody && String(encoding).trim().toLowerCase() !== 'identity')
      return this.fail('encoded_body');
    const announced = headers['content-length'];
    if (this.request.method !== 'HEAD' && Number(announced ?? 0) > this.request.maxBodyBytes(status))
      this.fail('body_too_large');
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.settled) return;
    this.bytes += chunk.byteLength;
    if (this.bytes > this.request.maxBodyBytes(this.status)) return this.fail('body_too_large');
    this.chunks.push(chunk);
  }

  onResponseEnd(): void {
    const body = new Uint8Array(Buffer.concat(this.chunks));
    const response = { status: this.status, headers: this.headers, body };
    // undici hands the connection back one turn of the event loop later (it lets the peer close first); a caller that goes on
    // before that would open a second one for the paid request.
    setImmediate(() => setImmediate(() => this.settle({ kind: 'response', response })));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(codeOf(error, this.sent));
  }

  fail(code: Failure['code']): void {
    const { sent, status, headers } = this;
    this.settle({ kind: 'failure', code, sent, ...(status > 0 ? { status, headers } : {}) });
    this.controller?.abort(new Error(code));
  }

  private settle(outcome: Outcome): void {
    if (this.settled) return;
    this.settled = true;
    this.chunks.length = 0;
    this.onSettled();
    this.resolve(outcome);
  }
}

/** Error texts may hold the URL or header values; only codes leave this file. */
function codeOf(error: Error, sent: boolean): Failure['code'] {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large';
  if (code === 'UND_ERR_BODY_TIMEOUT' || code === 'UND_ERR_HEADERS_TIMEOUT') return 'timeout';
  if (code === 'UND_ERR_INVALID_ARG') return 'request_failed';
  if (!sent) return 'connect_failed';
  return error.name === 'HTTPParserError' ? 'malformed_response' : 'connection_lost';
}

// Facilitators of the operator's choice, behind the guarded client (settle mode F). They are strangers with a contract: what they are sent is
// money, what they answer is a hint, and neither is repeated in a log or an error.
import type { Caip2 } from '#domain';
import type { FacilitatorAnswer, FacilitatorCall, RemoteFacilitators } from '#engine';
import { readFacilitatorAnswer } from '#x402';
import type { GuardedAnswer, GuardedFetch } from './guarded-fetch.js';

export interface FacilitatorEndpoint {
  readonly network: Caip2;
  /** Without credentials and without a slash at its end: its name in rows and answers. */
  readonly url: string;
  /** Sent to this host alone. */
  readonly bearerToken: string | null;
}

export interface FacilitatorClientDeps {
  readonly http: Pick<GuardedFetch, 'once'>;
  readonly endpoints: readonly FacilitatorEndpoint[];
  readonly verifyWithinMs?: number;
  /** Long enough for a block or two; whatever is later is seen on chain. */
  readonly settleWithinMs?: number;
}

type Question = 'verify' | 'settle';

const MAX_ANSWER_BYTES = 64 * 1024;

export function createFacilitatorClient(deps: FacilitatorClientDeps): RemoteFacilitators {
  const { http, endpoints, verifyWithinMs = 10_000, settleWithinMs = 45_000 } = deps;
  const byName = new Map(endpoints.map((endpoint) => [endpoint.url, endpoint]));

  async function ask(
    question: Question,
    call: FacilitatorCall,
    timeoutMs: number,
  ): Promise<FacilitatorAnswer> {
    const endpoint = byName.get(call.facilitator);
    if (endpoint === undefined) throw new Error('a facilitator that is not configured');
    const answer = await http.once({
      tenant: call.workspaceId,
      url: `${endpoint.url}/${question}`,
      method: 'POST',
      headers: {},
      ownHeaders: {
        'content-type': 'application/json',
        // Facilitators that keep it give the first answer again; to the others it is nothing.
        'idempotency-key': call.operationId,
        ...(endpoint.bearerToken === null ? {} : { authorization: `Bearer ${endpoint.bearerToken}` }),
      },
      body: call.body,
      timeoutMs,
      idleTimeoutMs: timeoutMs,
      maxBodyBytes: () => MAX_ANSWER_BYTES,
    });
    return understood(question, answer);
  }

  return {
    namesFor: (network) => endpoints.filter((it) => it.network === network).map((it) => it.url),
    verify: (call) => ask('verify', call, verifyWithinMs),
    settle: (call) => ask('settle', call, settleWithinMs),
  };
}

const silent = (reason: string): FacilitatorAnswer => ({ kind: 'silent', reason, claimedTxHash: null });

/** A refusal may come with any status: facilitators differ. A "yes" counts as one only in a 200. */
function understood(question: Question, answer: GuardedAnswer): FacilitatorAnswer {
  if (answer.kind === 'failure')
    return silent(answer.code === 'timeout' ? 'facilitator_timeout' : 'facilitator_unreachable');
  const { status, body } = answer.response;
  const word = readFacilitatorAnswer(question, body);
  if (word === undefined || status >= 500 || (word.yes && status !== 200)) return silent('facilitator_error');
  const { yes, pending, reason, claimedTxHash } = word;
  return { kind: yes ? 'yes' : pending ? 'pending' : 'no', reason, claimedTxHash };
}

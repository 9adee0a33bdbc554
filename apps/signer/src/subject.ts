// What the signer knows of one operation it is asked to sign for, all of it read from committed rows.
import {
  hostMatches,
  hostOf,
  upcast,
  type AgentId,
  type Authorization,
  type EvmAddress,
  type Json,
  type Roster,
  type Terms,
  type Verdict,
  type Vote,
  type WalletId,
} from '#domain';
import type { OperationRef } from '#engine';

/** A row of the database, as text. */
export type Row = Record<string, string | null>;

export interface Judged {
  readonly terms: Terms;
  readonly verdict: Verdict;
  readonly termsDigest: string;
}

export interface Subject extends OperationRef {
  /** Database time, unix seconds. */
  readonly nowSec: number;
  readonly clusterEpoch: number;
  readonly agentId: AgentId | null;
  readonly kind: string | null;
  readonly status: string | null;
  readonly stopped: boolean;
  /** Somebody wants the authorization dead. */
  readonly cancellationRequested: boolean;
  readonly authorization: (Authorization & { readonly status: string }) | null;
  readonly walletStatus: string | null;
  readonly walletAddress: EvmAddress | null;
  readonly walletRole: string | null;
  /** The workspace's own wallet at the payee's address; null: it is somebody else's. */
  readonly payee: {
    readonly walletId: WalletId;
    readonly agentId: string | null;
    readonly role: string;
    readonly status: string;
  } | null;
  readonly reservation: { readonly state: string; readonly amount: bigint } | null;
  readonly approval: {
    readonly status: string;
    readonly digest: string;
    readonly useByMs: number | null;
    /** Who asked; null: the log does not say. */
    readonly requester: string | null;
    readonly votes: readonly Vote[];
    /** Of everybody named in the votes, as of the decision. */
    readonly roster: Roster;
  } | null;
  readonly judged: Judged | null;
  readonly ledger: { readonly digest: string | null; readonly reason: string | null } | null;
}

/** Column text into types. Nothing is trusted for it: every value is compared or hashed before a signature. */
export function subjectOf(ref: OperationRef, row: Row): Subject {
  const nowMs = Number(row['now_ms']);
  return {
    workspaceId: ref.workspaceId,
    operationId: ref.operationId,
    nowSec: Math.floor(nowMs / 1000),
    clusterEpoch: Number(row['cluster_epoch']),
    agentId: row['agent_id'] as AgentId | null,
    kind: row['kind'] ?? null,
    status: row['status'] ?? null,
    stopped: (row['stopped'] as unknown) === true || isAtStoppedHost(row),
    cancellationRequested: (row['cancellation_requested'] as unknown) === true,
    authorization: authorizationOf(row),
    walletStatus: row['wallet_status'] ?? null,
    walletAddress: row['wallet_address'] as EvmAddress | null,
    walletRole: row['wallet_role'] ?? null,
    payee:
      row['payee_wallet_id'] == null
        ? null
        : {
            walletId: row['payee_wallet_id'] as WalletId,
            agentId: row['payee_agent_id'] ?? null,
            role: row['payee_role'] ?? '',
            status: row['payee_status'] ?? '',
          },
    reservation:
      row['reservation_state'] == null
        ? null
        : { state: row['reservation_state'], amount: BigInt(row['reservation_amount'] ?? '0') },
    approval:
      row['approval_status'] == null
        ? null
        : {
            status: row['approval_status'],
            digest: row['approval_digest'] ?? '',
            useByMs: row['use_by_ms'] == null ? null : Number(row['use_by_ms']),
            ...decisionOf(row['decision'] as unknown as Decision | null),
          },
    judged: judgedOf(row),
    ledger:
      (row['in_ledger'] as unknown) === true
        ? { digest: row['ledger_digest'] ?? null, reason: row['ledger_reason'] ?? null }
        : null,
  };
}

/** The terms' own host: what was judged, and is compared with the signature before it is made. */
function isAtStoppedHost(row: Row): boolean {
  const patterns = row['stopped_hosts'] as unknown as readonly string[] | null;
  if (patterns === null) return false;
  const host = hostOf(judgedOf(row)?.terms.resourceUrl ?? '');
  return host !== null && patterns.some((pattern) => hostMatches(pattern, host));
}

/** As Postgres puts it together; null where there is nothing to list. */
interface Decision {
  readonly requester: string | null;
  readonly votes: readonly Vote[] | null;
  readonly people: Roster['people'] | null;
  readonly delegations: Roster['delegations'] | null;
}

function decisionOf(
  decision: Decision | null,
): Pick<NonNullable<Subject['approval']>, 'requester' | 'votes' | 'roster'> {
  const roster = { epoch: 0, people: decision?.people ?? [], delegations: decision?.delegations ?? [] };
  return { requester: decision?.requester ?? null, votes: decision?.votes ?? [], roster };
}

function authorizationOf(row: Row): Subject['authorization'] {
  if (row['wallet_id'] == null) return null;
  const facilitator = row['facilitator'] ?? undefined;
  const authorization = {
    method: row['method'],
    ...(facilitator === undefined ? {} : { facilitator }),
    network: row['network'],
    token: row['token'],
    walletId: row['wallet_id'],
    from: row['from_address'],
    to: row['to_address'],
    value: BigInt(row['value'] ?? '0'),
    validAfterSec: Number(row['valid_after']),
    validBeforeSec: Number(row['valid_before']),
    nonce: row['nonce'],
    digest: row['digest'],
    status: row['authorization_status'],
  };
  return authorization as NonNullable<Subject['authorization']>;
}

function judgedOf(row: Row): Judged | null {
  if (row['terms_type'] == null) return null;
  const event = upcast({
    type: row['terms_type'],
    schema: Number(row['terms_schema']),
    data: row['terms_data'] as Json,
  });
  return event.type === 'TermsAccepted' || event.type === 'TermsChanged' ? event.data : null;
}

// Keys that people sign with, and what they are asked to sign: types only.
import type { ActivityId, ApproverKeyId, Json, WorkspaceId } from '#domain';

/** As clients of hosted signers send it: a header's name and its value, base64url of `{ publicKey, signature, scheme }` over the exact body text. */
export interface Stamp {
  readonly stampHeaderName: string;
  readonly stampHeaderValue: string;
}

/** `wrong` names the part that does not fit; which person's key it is, the registry says. */
export type StampCheck =
  { readonly ok: true; readonly publicKey: string } | { readonly ok: false; readonly wrong: StampFault };
export type StampFault = 'header' | 'encoding' | 'scheme' | 'public_key' | 'signature';

export interface StampVerifier {
  /** Over `body`, byte for byte. Says who signed by public key only. */
  verify(stamp: Stamp, body: string): StampCheck;
  /** Is this a point on P-256 in its compressed form, lower-case hex? */
  isPublicKey(text: string): boolean;
}

/** `pending`: where dual control is on, until a second person has confirmed it. */
export type ApproverKeyStatus = 'pending' | 'active' | 'revoked';

export interface ApproverKeyView {
  readonly approverKeyId: ApproverKeyId;
  readonly workspaceId: WorkspaceId;
  readonly person: string;
  /** Compressed point on P-256, hex. */
  readonly publicKey: string;
  readonly label: string;
  readonly status: ApproverKeyStatus;
  readonly createdAtMs: number;
  readonly confirmedBy: string | null;
  readonly revokedAtMs: number | null;
}

export interface ApproverKeyStore {
  /** Newest first; at most a thousand. */
  list(workspaceId: WorkspaceId): Promise<readonly ApproverKeyView[]>;
  /** The workspace's key that is not revoked, if there is one. */
  find(workspaceId: WorkspaceId, publicKey: string): Promise<ApproverKeyView | undefined>;
  /** A second person lets it count. Refuses with `not_found` and `approver_not_eligible`; repeating it is harmless. */
  confirm(by: Signatory, id: ApproverKeyId): Promise<ApproverKeyView>;
  /** At once and for ever; repeating it is harmless. `ownedBy`: another person's key is `not_found`. */
  revoke(by: Signatory, id: ApproverKeyId, ownedBy: string | null): Promise<ApproverKeyView>;
}

/** Who asks, as an authenticated principal says it. */
export interface Signatory {
  readonly workspaceId: WorkspaceId;
  readonly keyId: string;
  readonly person: string;
}

/** What a person may be asked to sign. The words of dialects for the same acts are theirs. */
export type ActivityKind =
  'register_approver_key' | 'approve' | 'reject' | 'create_agent' | 'set_agent_policies' | 'fund_agent';

/** Prepared by us, signed by a person outside, used once. */
export interface Activity {
  readonly activityId: ActivityId;
  readonly workspaceId: WorkspaceId;
  readonly kind: ActivityKind;
  /** What is to be done, in the terms of its kind; part of `body`. */
  readonly subject: Json;
  /** The exact text to be signed: JSON, but a text all the same. */
  readonly body: string;
  /** SHA-256 of `body`, hex. */
  readonly digest: string;
  readonly preparedBy: string;
  readonly expiresAtMs: number;
  /** Null: nobody has signed it yet. */
  readonly used: { readonly person: string; readonly approverKeyId: ApproverKeyId } | null;
}

/**
 * `used`: by this call. `repeated`: the same key had signed it before, so its effect is under way or done: whatever follows from an activity is
 * keyed by its id. `repeated_late`: the same after it has expired, and its effect may still have been refused then. `without_credential`: the
 * person behind the key has no live credential of an approver or admin.
 */
export type ActivityUse =
  | 'used'
  | 'repeated'
  | 'repeated_late'
  | 'expired'
  | 'used_by_other'
  | 'key_not_active'
  | 'without_credential';

export interface ActivityStore {
  prepare(
    activity: Omit<Activity, 'used' | 'activityId' | 'body' | 'digest' | 'expiresAtMs'>,
    lifeMs: number,
  ): Promise<Activity>;
  find(workspaceId: WorkspaceId, activityId: ActivityId): Promise<Activity | undefined>;
  /** Decided on the locked row, by the clock of the database. `stamp` is kept as evidence. */
  use(activity: Activity, by: ApproverKeyView, stamp: Stamp): Promise<ActivityUse>;
  /** Uses the activity and registers the key in one step: the key it names has signed it. */
  register(activity: Activity, input: NewApproverKey, stamp: Stamp): Promise<ApproverKeyView | ActivityUse>;
}

/** Of whoever signed for it. */
export interface NewApproverKey {
  readonly by: Signatory;
  readonly publicKey: string;
  readonly label: string;
}

/** What signing people need of the outside. */
export interface ActivityPorts {
  readonly activities: ActivityStore;
  readonly approverKeys: ApproverKeyStore;
  readonly stamps: StampVerifier;
}

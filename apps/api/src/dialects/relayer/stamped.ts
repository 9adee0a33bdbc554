// What a person has signed outside, as clients of hosted signers bring it: the text, and the stamp over it.
import { parseActivityId, refuse, type ActivityId } from '#domain';
import type { Activity, Stamp } from '#engine';
import { Nested, Text } from '../../http/fields.js';
import { iso } from './envelope.js';

export class StampDto {
  @Text({ min: 1, max: 64, about: 'X-Stamp' })
  stampHeaderName!: string;

  @Text({ min: 1, max: 1_024, about: 'base64url of { publicKey, signature, scheme } over the exact body' })
  stampHeaderValue!: string;
}

export class StampedDto {
  @Text({ optional: true, max: 1_024, about: 'ignored: nothing is sent on' })
  url?: string;

  @Text({ min: 2, max: 16_000, about: 'the body of the activity, unchanged' })
  body!: string;

  @Nested(StampDto, { about: "a registered approver key's signature over it" })
  stamp!: StampDto;
}

/** One of two names for the same thing. */
export class SignedDto {
  @Nested(StampedDto, { optional: true, about: 'the signed activity' })
  stampedActivity?: StampedDto;

  @Nested(StampedDto, { optional: true, about: 'the same, under its other name' })
  signedActivity?: StampedDto;
}

export interface Signed {
  readonly activityId: ActivityId;
  readonly body: string;
  readonly stamp: Stamp;
}

/** `id`: which activity it must be, where the caller says so beside it. Refuses with `validation_failed`. */
export function signedOf(
  given: Readonly<Record<string, StampedDto | undefined>>,
  id?: { readonly field: string; readonly value: string | undefined },
): Signed {
  const [named, other] = Object.entries(given).filter(([, value]) => value !== undefined);
  const [field = 'stampedActivity', stamped] = named ?? [];
  if (stamped === undefined) throw refuse('validation_failed', { field, reason: 'missing' });
  if (other) throw refuse('validation_failed', { field: other[0], reason: 'given_twice' });
  const activityId = parseActivityId(activityIn(stamped.body));
  if (id?.value !== undefined && id.value !== activityId)
    throw refuse('validation_failed', { field: id.field, reason: 'another_activity' });
  const { stampHeaderName, stampHeaderValue } = stamped.stamp;
  return { activityId, body: stamped.body, stamp: { stampHeaderName, stampHeaderValue } };
}

/** The text is compared with what was prepared afterwards; here it only says which one that is. */
function activityIn(body: string): unknown {
  try {
    return (JSON.parse(body) as { readonly parameters?: { readonly activityId?: unknown } }).parameters
      ?.activityId;
  } catch {
    return undefined;
  }
}

export const renderActivity = (activity: Activity): object => ({
  activityId: activity.activityId,
  body: activity.body,
  digest: activity.digest,
  expiresAt: iso(activity.expiresAtMs),
});

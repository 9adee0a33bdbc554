// One file per effect. A handler performs its one effect and returns the command that records the outcome; it holds no policy.
import type { OperationCommand, Step, StepKind } from '#domain';
import type { Cursor } from '../cursor.js';
import type { Blob, Ports } from '../ports.js';

export interface StepContext<K extends StepKind = StepKind> {
  readonly ports: Ports;
  readonly cursor: Cursor;
  readonly step: Extract<Step, { kind: K }>;
}

export type StepOutcome =
  | { readonly kind: 'record'; readonly command: OperationCommand; readonly blobs?: readonly Blob[] }
  /** Cannot be done right now (signer or chain away); the operation keeps its place. */
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs: number }
  /** The state moved under the step; ask for the next step again. */
  | { readonly kind: 'again' };

export interface StepHandler {
  /** Must everything decided so far be committed before this effect begins? */
  needsDurable(context: StepContext): boolean;
  run(context: StepContext): Promise<StepOutcome>;
}

export const record = (command: OperationCommand, blobs?: readonly Blob[]): StepOutcome =>
  blobs ? { kind: 'record', command, blobs } : { kind: 'record', command };

// The kill switch: what can be stopped, and what the edges and the worker need of its rows.
import type { AgentId, Caip2, EvmAddress, OperationId, StopId, WorkspaceId } from '#domain';
import type { Actor, OperationRef } from './ports.js';
import type { Page, PageRequest } from './page.js';

/** `workspaceId` null: in every workspace, which is the operator's to say. */
export type StopScope =
  | { readonly kind: 'global' }
  | { readonly kind: 'workspace'; readonly workspaceId: WorkspaceId }
  | { readonly kind: 'agent'; readonly workspaceId: WorkspaceId; readonly agentId: AgentId }
  | {
      readonly kind: 'payee';
      readonly workspaceId: WorkspaceId | null;
      readonly payee: EvmAddress;
      /** Null: on every network. */
      readonly network: Caip2 | null;
    }
  /** A host, or a pattern as in policies. */
  | { readonly kind: 'host'; readonly workspaceId: WorkspaceId | null; readonly host: string };

/** Who stops: recorded with the stop, and with every operation that is ended for it. */
export interface Stopper {
  readonly actor: Actor;
  readonly person: string;
}

export interface StopOrder {
  readonly scope: StopScope;
  readonly reason: string;
  readonly by: Stopper;
  /** Ask the chain to kill what is still live, too. */
  readonly cancelOnChain: boolean;
}

export interface Stop extends StopOrder {
  readonly stopId: StopId;
  readonly sinceMs: number;
  /** A killed agent: it is never resumed. */
  readonly final: boolean;
  /** False: approvals in its scope may still be open, or cancellations not asked for yet. */
  readonly carriedOut: boolean;
}

/** An authorization that a stop cannot take back: it dies by itself at its time (S17). */
export interface StillLive {
  readonly workspaceId: WorkspaceId;
  readonly operationId: OperationId;
  readonly agentId: AgentId;
  readonly network: Caip2;
  readonly token: EvmAddress;
  readonly to: EvmAddress;
  readonly value: bigint;
  readonly validBeforeSec: number;
}

/** Some of what lies in a stop's scope, in order; `next` null: there is no more. */
export interface Slice<Item> {
  readonly items: readonly Item[];
  readonly next: OperationRef | null;
}

export interface StopStore {
  /**
   * Once this has returned, no new authorization comes to exist in the scope, and no approval opens. Repeating it is harmless: the first stop stands;
   * only `cancelOnChain` is added. Refuses with `not_found`.
   */
  stop(order: StopOrder): Promise<Stop>;
  /**
   * Lifts a stop. Refuses with `stop_under_way` before it is carried out, and with `agent_disabled` for a killed agent. A scope that is not stopped stays so.
   */
  resume(scope: StopScope, by: Actor): Promise<void>;
  /** Of the workspace (null: of the whole installation). Refuses with `not_found`. */
  get(workspaceId: WorkspaceId | null, stopId: StopId): Promise<Stop>;
  /** What is in force for the workspace, newest first, the installation's own among it (null: only those). */
  list(workspaceId: WorkspaceId | null, page: PageRequest): Promise<Page<Stop>>;
  /** Null: the scope itself is not stopped. */
  find(scope: StopScope): Promise<Stop | null>;
  /** The widest stop that holds for the agent (or for the workspace when none is named); null: none. Says nothing of payees and hosts. */
  stopFor(workspaceId: WorkspaceId, agentId: AgentId | null): Promise<StopScope['kind'] | null>;
  /** Operations in the scope whose approval is open and not used, from behind `after` on. */
  openApprovals(scope: StopScope, after: OperationRef | null): Promise<Slice<OperationRef>>;
  /** What is live in the scope, from behind `after` on. */
  stillLive(scope: StopScope, after: OperationRef | null): Promise<Slice<StillLive>>;
  carriedOut(stop: Stop): Promise<void>;
  /** Stops that are not carried out and that nobody has worked at of late; they are the caller's for half a minute. */
  take(limit: number): Promise<readonly Stop[]>;
  /** Whoever is free may go on with it at once. */
  giveBack(stop: Stop): Promise<void>;
}

/** A kind of work that a worker process may do; which ones is a matter of configuration. */
export interface Role {
  readonly name: string;
  start(): Promise<void>;
  /** Resolves when its work has ended or its own deadline is over; begins nothing new from the call on. */
  stop(): Promise<void>;
}

import type { Address } from 'viem';
import type { Role } from '../supervisor.js';
import type { Sellers } from './services.js';

/** Who may do what on this stack; made on the first start and kept. */
export interface Credentials {
  readonly workspaceId: string;
  /** May administer the workspace. */
  readonly adminKey: string;
  /** May buy. */
  readonly agent: { readonly id: string; readonly apiKey: string };
  /** A second person, who may approve what the agent asks for. */
  readonly approver: { readonly token: string };
  /** Lets a seller have its payments verified and settled at `/facilitator`. */
  readonly sellerKey: string;
  /** Pays for the agent's purchases. */
  readonly walletAddress: Address;
}

/** `.purser/stack.json`: all that a program needs to use or to check this stack. Readable by its owner only. */
export interface StackFile extends Credentials {
  readonly apiUrl: string;
  readonly apiUrls: readonly string[];
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly token: Address;
  /** Reads everything, writes nothing: for checkers. */
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly sellers: Sellers;
  readonly supervisorPid: number;
  /** Process ids by role; one that is just being restarted is missing for that moment. */
  readonly pids: Partial<Record<Role, number[]>>;
}

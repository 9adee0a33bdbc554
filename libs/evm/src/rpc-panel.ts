// Several RPCs of one chain: which of them answer, and what they say together. Nothing is polled: an RPC's health is what its last answers were.
// One that fails is left alone for a while, one that comes back proves its chain before it is heard again.
import type { Caip2, Hex32 } from '#domain';
import type { Clock, Logger } from '#engine';
import { RpcError, type RpcFault } from './json-rpc.js';
import type { BlockHeader, EvmRpc } from './rpc.js';

export interface RpcPanel {
  readonly network: Caip2;
  readonly size: number;
  /** Of the RPC that answered last; on a fault of the others, each once. @throws the last fault. */
  any<T>(read: (rpc: EvmRpc) => Promise<T>): Promise<T>;
  /** Of every RPC that is there. One that does not answer in time is not waited for. Never empty. @throws the last fault. */
  each<T>(read: (rpc: EvmRpc) => Promise<T>): Promise<readonly T[]>;
  /** Of every RPC there is; undefined when one gives no answer: what ends for good needs the word of all (ruling 23). */
  all<T>(read: (rpc: EvmRpc) => Promise<T>): Promise<readonly T[] | undefined>;
  /** The latest block that every RPC has, but for those that stand still while others go on. @throws the last fault. */
  latest(): Promise<BlockHeader>;
  /** One promise per RPC that is there, under way at once. All but the one in use prove their chain first. */
  tell<T>(write: (rpc: EvmRpc) => Promise<T>): readonly Promise<T>[];
  /**
   * Hash of block 0. `known`, from the profile or from what this installation has recorded, is held against every RPC from now on; what was merely
   * seen first is not: a process may start while the node is the wrong one. @throws the last fault.
   */
  genesisHash(known?: Hex32): Promise<Hex32>;
}

export interface RpcPanelOptions {
  readonly network: Caip2;
  readonly rpcs: readonly EvmRpc[];
  readonly genesisHash?: Hex32 | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long one of several may take before the others go on without it. */
const ANSWER_MS = 3_000;
const FIRST_PAUSE_MS = 2_000;
/** After a minute without an answer. */
const ALARM_PAUSE_MS = 32_000;
const LAST_PAUSE_MS = 60_000;
/** Without a new block for so long, while another RPC has newer ones, it is not waited for. */
const STANDSTILL_MS = 60_000;

const AWAY: ReadonlySet<RpcFault> = new Set([
  'timeout',
  'unreachable',
  'http_status',
  'rate_limited',
  'overloaded',
  'wrong_chain',
]);

interface Seat {
  readonly rpc: EvmRpc;
  /** From 0, in the order of the configuration: URLs hold keys. */
  readonly place: number;
  awayUntilMs: number;
  pauseMs: number;
  /** Why it is away, or was when it was last asked; null: it answered. */
  fault: RpcFault | null;
  /** It may have been restarted since its chain was last seen. */
  unproven: boolean;
  head: number;
  headSinceMs: number;
  behind: boolean;
}

export function createRpcPanel({ network, rpcs, genesisHash, clock, logger }: RpcPanelOptions): RpcPanel {
  const seats = rpcs.map((rpc, place): Seat => ({
    rpc,
    place,
    awayUntilMs: 0,
    pauseMs: 0,
    fault: null,
    unproven: false,
    head: -1,
    headSinceMs: clock.nowMs(),
    behind: false,
  }));
  let genesis = genesisHash;
  let preferred = 0;
  const none = new RpcError('wrong_chain', 'configuration: no RPC');

  const prove = async (seat: Seat): Promise<Hex32> => {
    const { hash } = await headAt(seat.rpc, 0);
    if (genesis !== undefined && hash !== genesis) throw new RpcError('wrong_chain', 'eth_getBlockByNumber');
    seat.unproven = false;
    return hash;
  };

  const failed = (seat: Seat, error: unknown): void => {
    if (!(error instanceof RpcError) || !AWAY.has(error.fault)) return;
    const nowMs = clock.nowMs();
    const { fault } = error;
    // What was asked together fails together, and counts once.
    if (nowMs < seat.awayUntilMs && seat.fault === fault) return;
    const about = { network, rpc: seat.place + 1, fault };
    seat.pauseMs = Math.min(LAST_PAUSE_MS, seat.pauseMs === 0 ? FIRST_PAUSE_MS : seat.pauseMs * 2);
    seat.awayUntilMs = nowMs + seat.pauseMs;
    seat.unproven = true;
    if (fault === 'wrong_chain' && seat.fault !== fault)
      logger.error({ ...about, alarm: 'rpc_wrong_chain' }, 'an RPC is on another chain; it is not used');
    else if (seat.pauseMs === ALARM_PAUSE_MS)
      logger.error({ ...about, alarm: 'rpc_away' }, 'an RPC has not answered for a while');
    else if (seat.fault === null) logger.warn(about, 'an RPC does not answer');
    seat.fault = fault;
  };

  const ask = async <T>(seat: Seat, read: (rpc: EvmRpc) => Promise<T>): Promise<T> => {
    try {
      if (seat.unproven) await prove(seat);
      const answer = await read(seat.rpc);
      if (seat.fault !== null) logger.info({ network, rpc: seat.place + 1 }, 'an RPC answers again');
      Object.assign(seat, { fault: null, pauseMs: 0, awayUntilMs: 0 });
      return answer;
    } catch (error) {
      failed(seat, error);
      throw error;
    }
  };

  const isThere = (seat: Seat): boolean => seat.awayUntilMs <= clock.nowMs();
  /** Whoever there is; the away ones only when there is nobody else. */
  const present = (): readonly Seat[] => {
    const there = seats.filter(isThere);
    return there.length > 0 ? there : seats;
  };

  const gathered = async <T>(
    asked: readonly Seat[],
    read: (rpc: EvmRpc, seat: Seat) => Promise<T>,
  ): Promise<readonly T[]> => {
    const [only] = asked;
    if (only === undefined) throw none;
    if (asked.length === 1) return [await ask(only, (rpc) => read(rpc, only))];
    const results = await Promise.allSettled(
      asked.map((seat) => ask(seat, (rpc) => inTime(read(rpc, seat)))),
    );
    const answers = results.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
    const fault = results.find((it) => it.status === 'rejected');
    if (answers.length === 0) throw fault?.reason ?? none;
    return answers;
  };

  const voters = (): readonly Seat[] => {
    const there = present();
    const level = there.filter((seat) => !seat.behind);
    return level.length > 0 ? level : there;
  };

  /**
   * An RPC stands still, or comes from far back, by its own word and by our clock: it has the same block for long, or one of long ago while another's
   * is of now. Never because another says that it is further.
   */
  const compareHeads = (heads: readonly (readonly [Seat, BlockHeader])[]): void => {
    const nowMs = clock.nowMs();
    const highest = Math.max(...heads.map(([, head]) => head.number));
    const current = heads.some(([, head]) => nowMs - head.timestampSec * 1_000 <= STANDSTILL_MS);
    for (const [seat, head] of heads) {
      if (head.number !== seat.head) Object.assign(seat, { head: head.number, headSinceMs: nowMs });
      const old = nowMs - head.timestampSec * 1_000 > STANDSTILL_MS && current;
      const behind = head.number < highest && (old || nowMs - seat.headSinceMs > STANDSTILL_MS);
      if (behind && !seat.behind)
        logger.error(
          { network, rpc: seat.place + 1, block: head.number, alarm: 'rpc_behind' },
          'an RPC is behind the others; it is not waited for',
        );
      seat.behind = behind;
    }
  };

  return {
    network,
    size: rpcs.length,
    async any(read) {
      const inTurn = [...seats.slice(preferred), ...seats.slice(0, preferred)];
      let fault: unknown = none;
      for (const seat of [...inTurn.filter(isThere), ...inTurn.filter((it) => !isThere(it))]) {
        try {
          const answer = await ask(seat, read);
          preferred = seat.place;
          return answer;
        } catch (error) {
          fault = error;
        }
      }
      throw fault;
    },
    each: (read) => gathered(voters(), read),
    async all(read) {
      if (!seats.every(isThere)) return undefined;
      const answers = await gathered(seats, read);
      return answers.length === seats.length ? answers : undefined;
    },
    async latest() {
      const heads = await gathered(
        present(),
        async (rpc, seat) => [seat, await headAt(rpc, 'latest')] as const,
      );
      compareHeads(heads);
      const level = heads.filter(([seat]) => !seat.behind);
      return (level.length > 0 ? level : heads)
        .map(([, head]) => head)
        .reduce((lowest, head) => (head.number < lowest.number ? head : lowest));
    },
    tell(write) {
      const there = present();
      const inUse = there.find((seat) => seat.place === preferred) ?? there[0];
      return there.map((seat) =>
        ask(seat, async (rpc) => {
          // What is in use was read from a moment ago; the others may be anywhere by now.
          if (seat !== inUse) await prove(seat);
          return write(rpc);
        }),
      );
    },
    async genesisHash(known) {
      genesis ??= known;
      const [hash] = await gathered(present(), (_, seat) => prove(seat));
      return hash as Hex32;
    },
  };
}

async function headAt(rpc: EvmRpc, at: 'latest' | number): Promise<BlockHeader> {
  const block = await rpc.block(at);
  if (block === undefined) throw new RpcError('bad_response', 'eth_getBlockByNumber');
  return block;
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RpcError('timeout', 'several')), ANSWER_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

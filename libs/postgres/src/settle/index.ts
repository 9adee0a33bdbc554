export { createAnswerRights } from './answer-rights.js';
export { createBroadcastStore } from './broadcast-store.js';
export {
  createSettlementDesk,
  ENDED_SQL,
  SETTLED_CHANNEL,
  WAITING_CHANNEL,
  type DeskOptions,
} from './desk.js';

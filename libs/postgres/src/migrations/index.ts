// Every migration, in the order of application. Add at the end; never change one that may have been applied.
import * as accounts from './20261121-01-accounts.js';
import * as operations from './20261121-02-operations.js';
import * as budgets from './20261121-03-budgets.js';
import * as platform from './20261121-04-platform.js';
import * as commitKeys from './20261121-05-commit-1-keys.js';
import * as commitGuards from './20261121-05-commit-2-guards.js';
import * as commitRows from './20261121-05-commit-3-rows.js';
import * as commitMoney from './20261121-05-commit-4-money.js';
import * as commitHistory from './20261121-05-commit-5-history.js';
import * as load from './20261121-06-load.js';
import * as projections from './20261121-10-projections.js';
import * as watch from './20261121-11-watch.js';
import * as roles from './20261121-20-roles.js';
import * as readGrants from './20261121-21-read-grants.js';
import * as settlement from './20261121-30-settlement.js';
import * as answerRights from './20261121-31-answer-rights.js';
import * as settlementMethod from './20261121-33-settlement-method.js';
import * as settlementCeiling from './20261121-34-settlement-ceiling.js';
import * as walletAlarms from './20261121-50-wallet-alarms.js';
import * as authorizationMethod from './20261121-40-authorization-method.js';
import * as treasury from './20261121-51-1-treasury.js';
import * as float from './20261121-51-2-float.js';
import * as triedOut from './20261121-70-tried-out.js';
import * as fill from './20261121-60-fill.js';
import * as topUps from './20261121-74-1-top-ups.js';
import * as cancellation from './20261121-51-3-cancellation.js';
import * as redemption from './20261121-76-1-redemption.js';
import * as answerAsker from './20261121-76-2-answer-asker.js';
import * as failedAlive from './20261121-76-3-failed-alive.js';
import * as allowance from './20261121-42-1-allowance.js';
import * as oauth from './20261121-82-1-oauth.js';
import * as successors from './20261121-92-successors.js';
import * as newestAge from './20261121-92-2-newest-age.js';
import * as approverKeys from './20261121-88-1-approver-keys.js';
import * as credentials from './20261121-80-1-credentials.js';
import * as stops from './20261121-90-1-stops.js';
import * as signedRequests from './20261121-80-2-signed-requests.js';
import * as findCredentials from './20261121-80-3-find-credentials.js';
import * as budgetLimits from './20261121-84-1-budget-limits.js';
import * as budgetRows from './20261121-84-2-budget-rows.js';
import * as budgetOthers from './20261121-84-3-budget-others.js';
import * as budgetMoney from './20261121-84-4-budget-money.js';
import * as likes from './20261121-86-1-likes.js';
import * as stopOrder from './20261121-90-2-stop-order.js';
import * as quorum from './20261121-88-2-quorum.js';
import * as usage from './20261121-84-5-usage.js';
import * as obstacle from './20261121-86-2-obstacle.js';
import * as tags from './20261121-84-6-tags.js';
import * as agentSetup from './20261121-94-1-agent-setup.js';
import * as changeRequests from './20261121-88-3-change-requests.js';
import * as teams from './20261121-84-7-teams.js';
import * as agentAudit from './20261121-94-2-agent-audit.js';
import * as teamChanges from './20261121-84-8-team-changes.js';

export interface Migration {
  readonly name: string;
  readonly sql: string;
}

export const MIGRATIONS: readonly Migration[] = [
  accounts,
  operations,
  budgets,
  platform,
  commitKeys,
  commitGuards,
  commitRows,
  commitMoney,
  commitHistory,
  load,
  projections,
  watch,
  roles,
  readGrants,
  settlement,
  answerRights,
  settlementMethod,
  settlementCeiling,
  walletAlarms,
  authorizationMethod,
  treasury,
  float,
  triedOut,
  fill,
  cancellation,
  topUps,
  redemption,
  answerAsker,
  failedAlive,
  allowance,
  successors,
  approverKeys,
  credentials,
  oauth,
  stops,
  signedRequests,
  budgetLimits,
  budgetRows,
  budgetOthers,
  budgetMoney,
  likes,
  stopOrder,
  quorum,
  usage,
  obstacle,
  tags,
  agentSetup,
  changeRequests,
  findCredentials,
  teams,
  agentAudit,
  teamChanges,
  newestAge,
];

import { Module, type DynamicModule, type Type } from '@nestjs/common';
import type { ApiCore } from './core.js';
import { AgentPayAccountsController } from './dialects/agentpay/accounts.controller.js';
import { AgentPayController } from './dialects/agentpay/pay.controller.js';
import { AgnicPayHistoryController } from './dialects/agnicpay/history.controller.js';
import { AgnicPayController } from './dialects/agnicpay/payments.controller.js';
import { AgnicPayTokensController } from './dialects/agnicpay/tokens.controller.js';
import { HightopAccountController } from './dialects/hightop/account.controller.js';
import { HightopAgentController } from './dialects/hightop/agent.controller.js';
import { HightopLegacyController } from './dialects/hightop/legacy.controller.js';
import { HightopSimulateController } from './dialects/hightop/simulate.controller.js';
import { HightopX402Controller } from './dialects/hightop/x402.controller.js';
import { RelayerAgentsController } from './dialects/relayer/agents.controller.js';
import { RelayerApprovalConfigController } from './dialects/relayer/approval-config.controller.js';
import { RelayerApprovalsController } from './dialects/relayer/approvals.controller.js';
import { RelayerAuditController } from './dialects/relayer/audit.controller.js';
import { RelayerBudgetsController } from './dialects/relayer/budgets.controller.js';
import { RelayerEventsController } from './dialects/relayer/events.controller.js';
import { RelayerFundingController } from './dialects/relayer/funding.controller.js';
import { RelayerPaymentsController } from './dialects/relayer/payments.controller.js';
import { RelayerProvisioningController } from './dialects/relayer/provisioning.controller.js';
import { RelayerWalletsController } from './dialects/relayer/wallets.controller.js';
import { FacilitatorController } from './facilitator/facilitator.controller.js';
import { DocsController } from './http/docs.controller.js';
import { HealthController } from './http/health.controller.js';
import type { Stopping } from './http/stopping.js';
import { AgentsController } from './native/agents.controller.js';
import { ApprovalsController } from './native/approvals.controller.js';
import { ApproversController } from './native/approvers.controller.js';
import { ApproverKeysController } from './native/approver-keys.controller.js';
import { KeysController } from './native/keys.controller.js';
import { OAuthController } from './native/oauth.controller.js';
import { OperationsController } from './native/operations.controller.js';
import { QuotesController } from './native/quotes.controller.js';
import { SimulateController } from './native/simulate.controller.js';
import { BudgetsController } from './native/budgets.controller.js';
import { TeamsController } from './native/teams.controller.js';
import { TagsController } from './native/tags.controller.js';
import { UsageController } from './native/usage.controller.js';
import { RulesController } from './native/rules.controller.js';
import { StopsController } from './native/stops.controller.js';
import { SystemStopsController } from './native/system-stops.controller.js';
import { TopUpsController } from './native/top-ups.controller.js';
import { WalletsController } from './native/wallets.controller.js';
import { WorkspacesController } from './native/workspaces.controller.js';
import { OAuthDiscoveryController } from './oauth/discovery.controller.js';
import { CORE, DOCUMENT, STOPPING } from './tokens.js';

export const CONTROLLERS = [
  AgentPayController,
  AgentPayAccountsController,
  AgnicPayController,
  AgnicPayHistoryController,
  AgnicPayTokensController,
  HightopX402Controller,
  HightopAgentController,
  HightopAccountController,
  HightopSimulateController,
  HightopLegacyController,
  RelayerPaymentsController,
  RelayerApprovalsController,
  RelayerAgentsController,
  RelayerBudgetsController,
  RelayerProvisioningController,
  RelayerFundingController,
  RelayerWalletsController,
  RelayerEventsController,
  RelayerAuditController,
  RelayerApprovalConfigController,
  OperationsController,
  QuotesController,
  SimulateController,
  ApprovalsController,
  ApproverKeysController,
  ApproversController,
  AgentsController,
  KeysController,
  OAuthController,
  OAuthDiscoveryController,
  WalletsController,
  TopUpsController,
  BudgetsController,
  TagsController,
  TeamsController,
  UsageController,
  RulesController,
  StopsController,
  SystemStopsController,
  WorkspacesController,
  FacilitatorController,
  HealthController,
  DocsController,
] as const;

/** Nest only holds the core; everything else is composed in the runtime. */
@Module({})
export class AppModule {
  static with(core: ApiCore, stopping: Stopping, controllers: readonly Type[]): DynamicModule {
    return {
      module: AppModule,
      controllers: [...controllers],
      providers: [
        { provide: CORE, useValue: core },
        { provide: STOPPING, useValue: stopping },
        { provide: DOCUMENT, useValue: { current: null } },
      ],
    };
  }
}

import { Body, Controller, Delete, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { parseAgentId, refuse, type AgentId, type Json, type Layer, type Limits } from '#domain';
import {
  activities,
  confirmActivity,
  type Actor,
  type ApproverKeyView,
  type Changer,
  type Principal,
} from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles } from '../../http/access.js';
import { agentNamed } from '../../http/agent.js';
import { Speaks } from '../../http/dialect.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { actorOf } from '../../native/actor.js';
import { CORE } from '../../tokens.js';
import { wantedBudget, type WantedBudget } from './budgets.map.js';
import { changeRead, limitsMade, thresholdMade } from './changes.js';
import { relayer } from './dialect.js';
import { placeOf, success } from './envelope.js';
import { ownWallet } from './own-wallet.js';
import { ConfirmPoliciesDto, ConfirmUserDto, PrepareAgentDto } from './provisioning.dto.js';
import { renderActivity, signedOf } from './stamped.js';

/** An agent comes to be in two steps, each signed by an approver key. What follows from a signature can be asked for again: it is done once. */
@ApiTags('Relayer')
@Speaks(relayer)
@Controller('v1/agents')
export class RelayerProvisioningController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Post('prepare')
  @HttpCode(200)
  @Roles('backend', 'admin')
  @ApiOperation({ summary: 'What an approver signs for a new agent' })
  @Answer(200, 'RelayerDraft')
  @Errors('RelayerError', 400, 401, 403)
  async prepare(
    @Caller() caller: Principal,
    @Body() { name, description = '', budget }: PrepareAgentDto,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const wanted = budget === undefined ? { layers: {} } : wantedBudget(budget);
    const subject = { name, description, budget: writeBudget(wanted) };
    const activity = await activities.prepare(this.core.signing, caller, { kind: 'create_agent', subject });
    const shown = renderActivity(activity);
    const data = {
      agentDraftId: activity.activityId,
      agentRequestId: activity.activityId,
      activity: shown,
      unsignedActivity: shown,
    };
    return success(placeOf(this.core, request), { message: 'To be signed by an approver', data });
  }

  @Post('confirm-user')
  @HttpCode(200)
  @Roles('backend', 'admin')
  @ApiOperation({
    summary: 'The agent with its wallet; it may pay nothing yet. Next: what is signed for its limits',
  })
  @Answer(200, 'RelayerPendingAgent')
  @Errors('RelayerError', 400, 401, 403, 404, 409, 422, 503)
  async confirmUser(
    @Caller() caller: Principal,
    @Body() { agentDraftId, agentRequestId, ...stamps }: ConfirmUserDto,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { admin, signing, walletKeys } = this.core;
    const { workspaceId } = caller;
    const value = agentDraftId ?? agentRequestId;
    const signed = signedOf(
      { ...stamps },
      { field: agentDraftId === undefined ? 'agentRequestId' : 'agentDraftId', value },
    );
    const { activity, by } = await confirmActivity(
      signing,
      { workspaceId },
      { ...signed, kind: 'create_agent' },
    );
    const { name, description, budget } = activity.subject as unknown as Draft;
    const { activityId } = activity;
    const setup = await admin.setups.begin(workspaceId, { activityId, name, description }, actorBy(by));
    if ((await ownWallet(this.core, workspaceId, setup.agentId)) === null)
      await admin.wallets.create(
        workspaceId,
        { agentId: setup.agentId, label: name },
        walletKeys,
        actorBy(by),
      );
    const { preparedBy: requester } = activity;
    return this.nextStep(caller, { agentId: setup.agentId, budget, requester }, request);
  }

  @Post(':id/prepare-policies')
  @HttpCode(200)
  @Roles('backend', 'admin')
  @ApiOperation({
    summary: 'Go on with an agent that is pending_policies; it gets no limits but those set afterwards',
  })
  @Answer(200, 'RelayerPendingAgent')
  @Errors('RelayerError', 400, 401, 403, 404, 409)
  async preparePolicies(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { agentId } = await agentNamed(this.core, caller, id);
    await this.mustBePending(caller, agentId);
    return this.nextStep(caller, { agentId, budget: {}, requester: caller.person }, request);
  }

  @Post('confirm-policies')
  @HttpCode(200)
  @Roles('backend', 'admin')
  @ApiOperation({ summary: 'The agent is active; its secret is shown this once' })
  @Answer(200, 'RelayerActiveAgent')
  @Errors('RelayerError', 400, 401, 403, 404, 409, 422)
  async confirmPolicies(
    @Caller() caller: Principal,
    @Body() { agentId: named, policiesRequestId, ...stamps }: ConfirmPoliciesDto,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { admin, signing } = this.core;
    const { workspaceId } = caller;
    const signed = signedOf({ ...stamps }, { field: 'policiesRequestId', value: policiesRequestId });
    const { subject, preparedBy } = await activities.find(signing, { workspaceId }, signed.activityId);
    const { agent_id: agentId, budget, requested_by: requester } = subject as unknown as Policies;
    if (named !== undefined && parseAgentId(named) !== agentId)
      throw refuse('validation_failed', { field: 'agentId', reason: 'another_agent_is_signed' });
    await this.mustBePending(caller, agentId);
    // Limits are raised from nothing; where that takes two people, one person's signature is not two (ruling 28).
    const { dualControl } = await admin.workspaces.get(workspaceId);
    const barred = dualControl ? [requester, preparedBy] : [];
    const { by } = await confirmActivity(
      signing,
      { workspaceId },
      { ...signed, kind: 'set_agent_policies', barred },
    );
    const actor = dualControl ? actorOf(caller) : actorBy(by);
    await this.setBudget({ workspaceId, actor, person: requester }, { agentId, budget, by });
    // Before the agent is active: a confirmation that broke off here is repeated, and one that comes too late has shown its secret to nobody.
    const first = { role: 'agent', kind: 'hmac', agentId, label: 'relayer', expiresInSec: null } as const;
    const { secret } = await admin.keys.create(workspaceId, { ...first, person: caller.person }, actorBy(by));
    if (!(await admin.setups.finish(workspaceId, agentId, 'active', actorBy(by)))) throw alreadyActive();
    const data = { agentId, agentSecret: secret, status: 'active' };
    return success(placeOf(this.core, request), { message: 'Agent active', data });
  }

  @Delete(':id')
  @HttpCode(200)
  @Roles('backend', 'admin')
  @ApiOperation({ summary: 'Call off an agent that was never active' })
  @Answer(200, 'RelayerDeleted')
  @Errors('RelayerError', 400, 401, 403, 404, 409)
  async discard(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { setups, agents } = this.core.admin;
    const { workspaceId } = caller;
    const { agentId } = await agentNamed(this.core, caller, id);
    if (!(await setups.finish(workspaceId, agentId, 'discarded', actorOf(caller)))) throw alreadyActive();
    await agents.disable(workspaceId, agentId, actorOf(caller));
    return success(placeOf(this.core, request), { message: 'Agent deleted', data: { agentId } });
  }

  private async mustBePending({ workspaceId }: Principal, agentId: AgentId): Promise<void> {
    const setup = (await this.core.admin.setups.of(workspaceId, [agentId])).get(agentId);
    if (setup?.status !== 'pending_policies') throw alreadyActive();
  }

  private async nextStep(
    caller: Principal,
    {
      agentId,
      budget,
      requester,
    }: { readonly agentId: AgentId; readonly budget: WrittenBudget; readonly requester: string },
    request: FastifyRequest,
  ): Promise<object> {
    const subject = { agent_id: agentId, budget, requested_by: requester };
    const activity = await activities.prepare(this.core.signing, caller, {
      kind: 'set_agent_policies',
      subject,
    });
    const shown = renderActivity(activity);
    const data = {
      agentId,
      status: 'pending_policies',
      policiesRequestId: activity.activityId,
      activity: shown,
      unsignedActivity: shown,
    };
    return success(placeOf(this.core, request), { message: 'To be signed by an approver', data });
  }

  /** Said again, it sets the same again. What takes two people is asked for by whoever wanted the agent, and approved by whoever signed. */
  private async setBudget(
    asker: Changer,
    {
      agentId,
      budget,
      by,
    }: { readonly agentId: AgentId; readonly budget: WrittenBudget; readonly by: ApproverKeyView },
  ): Promise<void> {
    const { core } = this;
    const { workspaceId } = asker;
    const scope = { workspaceId, agentId };
    const signer = { workspaceId, actor: actorBy(by), person: by.person };
    const set = async (read: Parameters<typeof changeRead>[2]): Promise<void> => {
      const waiting = await changeRead(core, asker, read);
      if (waiting) await core.admin.changes.approve(signer, waiting.approvalId, waiting.digest);
    };
    const { layers, threshold } = readBudget(budget);
    for (const [layer, limits] of Object.entries(layers) as [Layer, Limits][]) {
      const make = (found: Limits): Limits => ({ ...withoutBar(found), ...limits });
      await set(() => limitsMade(core, scope, { layer, make }));
    }
    if (threshold !== undefined) await set(() => thresholdMade(core, scope, threshold));
  }
}

/** An agent starts with nothing a month, so that no step that is left out lets it pay; what was set since then stays. */
const withoutBar = (found: Limits): Limits => (found.month === 0n ? { ...found, month: null } : found);

const alreadyActive = () => refuse('activity_used', { reason: 'agent_not_pending' });

const actorBy = ({ approverKeyId }: ApproverKeyView): Actor => ({ type: 'approver', id: approverKeyId });

/** Limits as they are signed: base units as text. */
interface WrittenBudget {
  readonly [name: string]: Json;
}
interface Draft {
  readonly name: string;
  readonly description: string;
  readonly budget: WrittenBudget;
}
interface Policies {
  readonly agent_id: AgentId;
  readonly budget: WrittenBudget;
  readonly requested_by: string;
}

function writeBudget({ layers, threshold }: WantedBudget): WrittenBudget {
  const written = Object.entries(layers).map(([layer, limits]) => [
    layer,
    Object.fromEntries(Object.entries(limits).map(([name, amount]) => [name, String(amount)])),
  ]);
  return {
    ...Object.fromEntries(written),
    ...(threshold === undefined ? {} : { threshold: threshold.toString() }),
  } as WrittenBudget;
}

function readBudget({ threshold, ...layers }: WrittenBudget): WantedBudget {
  const read = Object.entries(layers).map(([layer, limits]) => [
    layer,
    Object.fromEntries(
      Object.entries(limits as Record<string, string>).map(([name, text]) => [name, BigInt(text)]),
    ),
  ]);
  return {
    layers: Object.fromEntries(read) as WantedBudget['layers'],
    ...(typeof threshold === 'string' ? { threshold: BigInt(threshold) } : {}),
  };
}

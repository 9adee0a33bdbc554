// Groups of approvers and delegations in memory, with the epoch that a decision must be judged by. Of one workspace; what is refused is proven on
// Postgres.
import { parseDelegationId, refuse, type Roster } from '#domain';
import type { ApproverAdmin, ApproverGroupView, Approvers, DelegationView } from '#engine';
import { found } from './memory-lists.js';

export class MemoryApprovers implements Approvers, ApproverAdmin {
  epoch = 0;
  /** Whoever holds a key of any agent. */
  readonly operators = new Set<string>();
  private readonly made = new Map<string, ApproverGroupView>();
  private all: DelegationView[] = [];

  constructor(private readonly nowMs: () => number) {}

  rosterFor({ people, groups }: Parameters<Approvers['rosterFor']>[0]): Promise<Roster> {
    const now = this.nowMs();
    return Promise.resolve({
      epoch: this.epoch,
      people: people.map((person) => ({
        person,
        groups: groups.filter((name) => this.made.get(name)?.members.some((it) => it.person === person)),
        barred: this.operators.has(person) ? 'operator' : null,
      })),
      delegations: this.all
        .filter((it) => it.revokedAtMs === null && it.startsAtMs <= now && it.endsAtMs > now)
        .map(({ person, delegate }) => ({ by: delegate, onBehalfOf: person })),
    });
  }

  groups(): Promise<readonly ApproverGroupView[]> {
    return Promise.resolve([...this.made.values()]);
  }

  putGroup(...[, { name, members }]: Parameters<ApproverAdmin['putGroup']>): Promise<ApproverGroupView> {
    this.epoch += 1;
    const view = { name, members: members.map((person) => ({ person, sinceMs: this.nowMs() })) };
    this.made.set(name, view);
    return Promise.resolve(view);
  }

  delegations(): Promise<readonly DelegationView[]> {
    return Promise.resolve(this.all.toReversed());
  }

  async delegate(...[by, input]: Parameters<ApproverAdmin['delegate']>): Promise<DelegationView> {
    if (input.delegate === by.person)
      throw refuse('validation_failed', { field: 'delegate', reason: 'the_same_person' });
    this.epoch += 1;
    const view: DelegationView = {
      ...input,
      delegationId: parseDelegationId(`dlg_${String(this.all.length + 1).padStart(26, '0')}`),
      person: by.person,
      startsAtMs: input.startsAtMs ?? this.nowMs(),
      revokedAtMs: null,
      createdAtMs: this.nowMs(),
    };
    this.all.push(view);
    return view;
  }

  async endDelegation(
    ...[, id, ownedBy]: Parameters<ApproverAdmin['endDelegation']>
  ): Promise<DelegationView> {
    const old = found(
      this.all.find((it) => it.delegationId === id && (ownedBy === null || it.person === ownedBy)),
      'delegation',
    );
    this.epoch += 1;
    const ended = { ...old, revokedAtMs: old.revokedAtMs ?? this.nowMs() };
    this.all = this.all.map((it) => (it === old ? ended : it));
    return ended;
  }
}

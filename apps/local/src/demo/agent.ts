import type { StackFile } from '../stack/stack-file.js';
import { adminCaller, must } from './client.js';

/** Above this a second person must agree. */
export const APPROVAL_THRESHOLD_ATOMIC = 200_000n;

/** A new agent with a key and a daily budget, made through the admin's API as any administrator would. */
export async function hireAgent(
  { apiUrl, adminKey }: Pick<StackFile, 'apiUrl' | 'adminKey'>,
  dayBudgetAtomic: bigint,
  name = 'storyteller',
): Promise<StackFile['agent']> {
  const admin = adminCaller(apiUrl, adminKey);
  const base = '/purser/v1';
  const { agent_id: id } = await must(
    admin<{ agent_id: string }>('POST', `${base}/agents`, { body: { name } }),
  );
  const { secret } = await must(
    admin<{ secret: string }>('POST', `${base}/keys`, {
      body: { role: 'agent', agent_id: id, person: `${name}@example.test`, label: name },
    }),
  );
  await must(
    admin('PUT', `${base}/agents/${id}/budgets`, {
      body: { limits: { day: dayBudgetAtomic.toString() } },
    }),
  );
  return { id, apiKey: secret };
}

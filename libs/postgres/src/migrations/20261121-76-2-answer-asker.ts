/**
 * Whose the right to be told is, or was when it was used up: the same request that comes again, because its answer was lost, is told the same. A claim
 * that another tenant makes anew takes the right with it. Nobody but the facilitator reads request keys.
 */
export const name = '20261121-76-2-answer-asker';
export const sql = `
ALTER TABLE answer_right ADD COLUMN workspace_id uuid, ADD COLUMN request_key text;
GRANT UPDATE (workspace_id, request_key) ON answer_right TO purser_system;
REVOKE SELECT ON answer_right FROM purser_checker;
GRANT SELECT (network, method, token, payer, nonce, held_until, holder) ON answer_right TO purser_checker;
ALTER TABLE answer_right ENABLE ROW LEVEL SECURITY;
ALTER TABLE answer_right FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON answer_right TO purser_system USING (true) WITH CHECK (true);
CREATE POLICY checker ON answer_right FOR SELECT TO purser_checker USING (true);
`;

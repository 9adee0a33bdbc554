/** Taking an agent out of a team frees it of the team's limits, so that may need a second person too. */
export const name = '20261121-84-8-team-changes';
export const sql = `
ALTER TABLE change_request DROP CONSTRAINT change_request_kind_check;
ALTER TABLE change_request ADD CONSTRAINT change_request_kind_check CHECK (kind IN ('limits', 'team', 'policy', 'resume', 'approvers'));
`;

import type pg from 'pg';
import type { Plain, PolicyRow } from './model.js';

/** By workspace, scope (`workspace` or the agent's id) and version. */
export async function readPolicies(client: pg.Client): Promise<Map<string, PolicyRow>> {
  const { rows } = await client.query<Record<string, string> & { readonly document: Plain }>(
    'SELECT workspace_id, scope, version::text, document, document_hash FROM policy',
  );
  return new Map(
    rows.map((row) => [
      `${row['workspace_id']}/${row['scope']}/${row['version']}`,
      { document: row.document, hash: String(row['document_hash']) },
    ]),
  );
}

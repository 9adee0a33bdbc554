import { readFileSync } from 'node:fs';
import { nonceKey, type Books, type Plain, type Violation } from './model.js';

/** One call as its caller saw it, one JSON object per line. `status` null: the answer was lost. */
export interface HistoryEntry {
  readonly agentId: string;
  readonly key: string;
  /** Anything that identifies the request's content, for instance a hash of path and body. */
  readonly content: string;
  readonly status: number | null;
  readonly body: Plain | null;
}

export function readHistory(file: string): HistoryEntry[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as HistoryEntry);
}

/** S13 and the truth of answers: one operation per key, other content refused, and "settled" only where the chain agrees. */
export function checkHistory(books: Books, history: readonly HistoryEntry[]): Violation[] {
  const found: Violation[] = [];
  const operationByKey = new Map<string, string>();
  const contentByOperation = new Map<string, string>();
  for (const entry of history) {
    const key = `${entry.agentId}/${entry.key}`;
    const operationId = entry.body?.['operation_id'];
    if (typeof operationId !== 'string') continue;
    const known = operationByKey.get(key);
    if (known !== undefined && known !== operationId)
      found.push({ rule: 'S13', where: key, what: `answered with ${known} and ${operationId}` });
    operationByKey.set(key, operationId);
    const accepted = entry.status !== null && entry.status < 400;
    const content = contentByOperation.get(operationId);
    if (accepted && content !== undefined && content !== entry.content)
      found.push({ rule: 'S13', where: key, what: 'another content was accepted under the same key' });
    if (accepted) contentByOperation.set(operationId, entry.content);
    if (entry.body?.['settled'] === true && transfersOf(books, operationId) !== 1) {
      found.push({
        rule: 'S8',
        where: operationId,
        what: 'the caller was told "settled", the chain does not agree',
      });
    }
    if (!books.operations.has(operationId))
      found.push({
        rule: 'S13',
        where: operationId,
        what: 'the caller was told of an operation that does not exist',
      });
  }
  return found;
}

function transfersOf(books: Books, operationId: string): number {
  const prepared = (books.operations.get(operationId) ?? []).filter(
    (event) => event.type === 'AuthorizationPrepared',
  );
  const keys = new Set(
    prepared.map(({ data }) => {
      const { token, from, nonce } = data['authorization'] as { token: string; from: string; nonce: string };
      return nonceKey({ token, from, nonce });
    }),
  );
  return books.uses.filter((use) => use.kind === 'used' && keys.has(nonceKey(use))).length;
}

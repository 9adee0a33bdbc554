import { hightop } from '../dialects/hightop/dialect.js';
import { facilitator } from '../facilitator/dialect.js';
import { native } from '../native/dialect.js';
import type { Dialect } from './dialect.js';

const DIALECTS: readonly Dialect[] = [hightop, ...facilitator, native];

/** By path, so that a body that cannot even be parsed is already refused in the right words. */
export function dialectOf(url: string): Dialect {
  return DIALECTS.find((dialect) => url.startsWith(dialect.prefix)) ?? native;
}

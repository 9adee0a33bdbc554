// A failing request made smaller, a piece at a time, for as long as it fails.
import type { Ask } from './household.js';

const MOST_TRIES = 300;

/** The smallest that still fails; undefined when the request alone does not fail. */
export async function smallest(ask: Ask, fails: (ask: Ask) => Promise<boolean>): Promise<Ask | undefined> {
  if (!(await fails(ask))) return undefined;
  let least = ask;
  let tries = 0;
  for (let found = true; found && tries < MOST_TRIES;) {
    found = false;
    for (const candidate of smaller(least)) {
      tries += 1;
      if (!(await fails(candidate))) continue;
      least = candidate;
      found = true;
      break;
    }
  }
  return least;
}

function* smaller(ask: Ask): Generator<Ask> {
  const { headers = {}, body, path } = ask;
  const [base = '', query = ''] = path.split('?');
  const pairs = query === '' ? [] : query.split('&');
  for (const pair of pairs)
    yield {
      ...ask,
      path: joined(
        base,
        pairs.filter((it) => it !== pair),
      ),
    };
  for (const name of Object.keys(headers))
    yield { ...ask, headers: Object.fromEntries(Object.entries(headers).filter(([it]) => it !== name)) };
  if (body === undefined) return;
  const { body: _body, ...without } = ask;
  yield without;
  for (const less of smallerValues(body)) yield { ...ask, body: less };
}

const joined = (base: string, pairs: readonly string[]): string =>
  pairs.length === 0 ? base : `${base}?${pairs.join('&')}`;

function* smallerValues(value: unknown): Generator {
  if (typeof value === 'string' && value.length > 1) yield value.slice(0, Math.ceil(value.length / 2));
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      yield value.filter((_, at) => at !== index);
      for (const less of smallerValues(value[index]))
        yield value.map((it, at) => (at === index ? less : it) as unknown);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      yield Object.fromEntries(Object.entries(value).filter(([it]) => it !== name));
      for (const less of smallerValues(inner)) yield { ...value, [name]: less };
    }
  }
}

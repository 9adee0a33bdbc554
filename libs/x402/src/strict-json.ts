// JSON from strangers. JSON.parse keeps the last of two equal keys while another reader may keep the first, so the seller's
// words could mean one thing to us and another to its facilitator; and it has no depth limit. This reader refuses both.
import type { Json } from '#domain';
import { ChallengeError } from './challenge-error.js';

export const MAX_JSON_DEPTH = 20;

export interface StrictJson {
  readonly value: Json;
  /** The exact source text of an object or array inside `value`, for echoing it byte for byte. */
  textOf(part: object): string;
}

/**
 * Parses RFC 8259 text.
 * @throws ChallengeError `malformed_json`, `duplicate_key`, `json_too_deep`
 */
export function parseStrictJson(text: string): StrictJson {
  const reader = new Reader(text);
  const value = reader.document();
  return {
    value,
    textOf: (part) => {
      const range = reader.ranges.get(part);
      return range ? text.slice(range[0], range[1]) : JSON.stringify(part);
    },
  };
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// oxlint-disable-next-line no-control-regex -- RFC 8259 forbids raw control characters in strings
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\n\r]*/y;
const WORDS: readonly (readonly [string, Json])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

class Reader {
  readonly ranges = new WeakMap<object, readonly [number, number]>();
  private at = 0;

  constructor(private readonly text: string) {}

  document(): Json {
    const value = this.value(1);
    this.match(SPACE);
    if (this.at !== this.text.length) throw new ChallengeError('malformed_json');
    return value;
  }

  private value(depth: number): Json {
    this.match(SPACE);
    const start = this.at;
    const next = this.text[start];
    if (next === '{' || next === '[') {
      if (depth > MAX_JSON_DEPTH) throw new ChallengeError('json_too_deep');
      const part = next === '{' ? this.object(depth) : this.array(depth);
      this.ranges.set(part, [start, this.at]);
      return part;
    }
    if (next === '"') return this.string();
    const word = WORDS.find(([name]) => this.text.startsWith(name, start));
    if (word) {
      this.at += word[0].length;
      return word[1];
    }
    const digits = this.match(NUMBER);
    if (digits === '') throw new ChallengeError('malformed_json');
    return Number(digits);
  }

  private object(depth: number): { [key: string]: Json } {
    // No prototype, so that a key such as "__proto__" or "constructor" is only a key.
    const object = Object.create(null) as { [key: string]: Json };
    this.at += 1;
    if (this.next('}')) return object;
    do {
      this.match(SPACE);
      const key = this.string();
      if (Object.hasOwn(object, key)) throw new ChallengeError('duplicate_key');
      this.expect(':');
      object[key] = this.value(depth + 1);
    } while (this.next(','));
    this.expect('}');
    return object;
  }

  private array(depth: number): Json[] {
    const array: Json[] = [];
    this.at += 1;
    if (this.next(']')) return array;
    do {
      array.push(this.value(depth + 1));
    } while (this.next(','));
    this.expect(']');
    return array;
  }

  private string(): string {
    const quoted = this.match(STRING);
    if (quoted === '') throw new ChallengeError('malformed_json');
    return JSON.parse(quoted) as string;
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }

  private next(character: string): boolean {
    this.match(SPACE);
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  private expect(character: string): void {
    if (!this.next(character)) throw new ChallengeError('malformed_json');
  }
}

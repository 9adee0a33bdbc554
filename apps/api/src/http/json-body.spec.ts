import { describe, expect, it } from 'vitest';
import { duplicateKey } from './json-body.js';

describe('duplicateKey', () => {
  it.each([
    ['{}', undefined],
    ['[1,{"a":"b"},{"a":"b"}]', undefined],
    ['{"a":{"a":{"a":1}}}', undefined],
    ['{"a":["a","a",{"b":1}],"c":"a"}', undefined],
    ['{"a":"\\":\\"a\\":","b":1}', undefined],
    ['{"a":1,"b":2,"a":1}', 'a'],
    ['{"x":[{"b":1,"b":2}]}', 'b'],
    ['{"a":{"b":1},"a":{"b":1}}', 'a'],
    ['{"a" : 1 , "a"\n:2}', 'a'],
    ['{"a":1,"\\u0061":2}', 'a'],
    ['{"":1,"":2}', ''],
  ])('of %s is %s', (text, key) => {
    expect(() => void JSON.parse(text)).not.toThrow();
    expect(duplicateKey(text)).toBe(key);
  });
});

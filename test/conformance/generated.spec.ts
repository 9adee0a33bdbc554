// docs/openapi.json, docs/errors.md, docs/roles.md and the client's types come from the code. RECORD=1 writes them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as prettier from 'prettier';
import { beforeAll, describe, expect, it } from 'vitest';
import { generatedPages } from '../../apps/api/src/generated-pages.js';
import { typesOf } from '../support/openapi-types.js';

const TYPES = '../libs/sdk/src/api-types.ts';

let pages: Readonly<Record<string, string>>;
beforeAll(async () => {
  const raw = await generatedPages();
  const config = await prettier.resolveConfig('docs/errors.md');
  const types = typesOf(JSON.parse(raw['openapi.json'] ?? ''));
  const formatted = Object.entries({ ...raw, [TYPES]: types }).map(
    async ([name, text]): Promise<[string, string]> => {
      const parser = name.endsWith('.md') ? 'markdown' : 'typescript';
      return [name, name.endsWith('.json') ? text : await prettier.format(text, { ...config, parser })];
    },
  );
  pages = Object.fromEntries(await Promise.all(formatted));
  if (process.env['RECORD'] === '1')
    for (const [name, text] of Object.entries(pages)) writeFileSync(join('docs', name), text);
});

describe('generated documents', () => {
  it.each(['openapi.json', 'errors.md', 'roles.md', TYPES])('docs/%s is what the code says', (name) => {
    expect(readFileSync(join('docs', name), 'utf8')).toBe(pages[name]);
  });

  it('every operation of the description says what it answers and every reference in it leads somewhere', () => {
    const document = JSON.parse(pages['openapi.json'] ?? '') as {
      openapi: string;
      paths: Record<string, Record<string, { responses: object; security?: object[] }>>;
      components: { schemas: Record<string, object> };
    };
    expect(document.openapi).toBe('3.1.0');
    const references = [...(pages['openapi.json'] ?? '').matchAll(/#\/components\/schemas\/(\w+)/g)];
    for (const [, name] of references) expect(Object.keys(document.components.schemas)).toContain(name);
    for (const [path, item] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        if (path.startsWith('/health') || path === '/metrics' || path === '/') continue;
        expect(Object.keys(operation.responses), `${method} ${path}`).not.toHaveLength(0);
        expect(operation.security, `${method} ${path}`).toBeDefined();
      }
    }
  });
});

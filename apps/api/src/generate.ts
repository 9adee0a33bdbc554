// Writes what is generated from code: docs/openapi.json, docs/errors.md, docs/roles.md. A conformance test compares them with the tree.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatedPages } from './generated-pages.js';

const folder = process.argv[2] ?? 'docs';
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(await generatedPages())) writeFileSync(join(folder, name), text);

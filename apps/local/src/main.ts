// `npm run stack` and `npm run demo`: the whole of Purser on one machine, real servers included.
import { tellStory } from './demo/story.js';
import { printInvitation, printStack } from './demo/terminal.js';
import { untilInterrupted } from './interrupted.js';
import { parseOptions, USAGE } from './stack/options.js';
import { startStack, type Stack } from './stack/stack.js';

const [command, ...args] = process.argv.slice(2);

async function main(): Promise<number> {
  if (command !== 'stack' && command !== 'demo') {
    console.error(USAGE);
    return 2;
  }
  const options = parseOptions(args);
  const interrupted = untilInterrupted();
  console.log('starting PostgreSQL, Redis, an EVM node, demo sellers, signer, api and worker ...');
  const starting = startStack(options, (line) => console.error(`[stack] ${line}`));
  const started = await Promise.race([starting, interrupted]);
  if (started === 'interrupted') {
    await starting.then(
      (stack) => stack.stop(),
      () => undefined,
    );
    return 130;
  }
  try {
    return await run(command, options.once, started, interrupted);
  } finally {
    console.error('stopping ...');
    await started.stop();
  }
}

async function run(
  command: 'stack' | 'demo',
  once: boolean,
  stack: Stack,
  interrupted: Promise<'interrupted'>,
): Promise<number> {
  if (command === 'stack') {
    printStack(stack.file, stack.folder.stackFile);
    await interrupted;
    return 0;
  }
  const told = await Promise.race([tellStory(stack.file), interrupted]);
  if (told === 'interrupted') return 130;
  if (once) {
    // The last line on standard output, for programs.
    console.log(JSON.stringify(told));
    return told.ok ? 0 : 1;
  }
  printInvitation(stack.file);
  await interrupted;
  return 0;
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : 'the stack failed');
    process.exit(1);
  },
);

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { projectRoot } from '../project.js';
import type { Artifact, ContractName } from './artifacts.js';

interface CompilerOutput {
  readonly errors?: readonly { severity: string; formattedMessage: string }[];
  readonly contracts: Record<
    string,
    Record<string, { evm: { bytecode: { object: string }; deployedBytecode: { object: string } } }>
  >;
}

interface Compiler {
  compile(input: string): string;
  version(): string;
}

const SETTINGS = {
  optimizer: { enabled: true, runs: 200 },
  // The oldest of the chains we may be compared with; without metadata the bytes depend on the source's meaning only.
  evmVersion: 'paris',
  metadata: { bytecodeHash: 'none', appendCBOR: false },
  outputSelection: { '*': { '*': ['evm.bytecode.object', 'evm.deployedBytecode.object'] } },
};

/** Compiles one of our contracts with the pinned compiler; takes about a second. Throws on any compiler message. */
export function compileContract(name: ContractName): Artifact {
  // Loaded only here: the compiler is large, and every start but a developer's uses the committed bytes.
  const compiler = createRequire(import.meta.url)('solc') as Compiler;
  const file = `${name}.sol`;
  const source = readFileSync(join(projectRoot, 'apps/local/contracts', file), 'utf8');
  const input = { language: 'Solidity', sources: { [file]: { content: source } }, settings: SETTINGS };
  const output = JSON.parse(compiler.compile(JSON.stringify(input))) as CompilerOutput;
  if (output.errors !== undefined && output.errors.length > 0) {
    throw new Error(output.errors.map((error) => error.formattedMessage).join('\n'));
  }
  const evm = output.contracts[file]?.[name]?.evm;
  if (evm === undefined) throw new Error(`${file} holds no contract ${name}`);
  return {
    compiler: compiler.version(),
    sourceSha256: createHash('sha256').update(source).digest('hex'),
    creation: `0x${evm.bytecode.object}`,
    runtime: `0x${evm.deployedBytecode.object}`,
  };
}

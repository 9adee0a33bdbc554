import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Hex } from 'viem';
import { projectRoot } from '../project.js';

/** A contract's bytes as committed beside its source. */
export interface Artifact {
  readonly compiler: string;
  readonly sourceSha256: string;
  readonly creation: Hex;
  readonly runtime: Hex;
}

export const CONTRACT_NAMES = [
  'TestUSDC',
  'TestContractWallet',
  'TestPermit2',
  'TestExactPermit2Proxy',
  'TestUptoPermit2Proxy',
] as const;
export type ContractName = (typeof CONTRACT_NAMES)[number];

const pathOf = (name: string): string => join(projectRoot, 'apps/local/contracts', `${name}.json`);

/** The committed bytes of one of our contracts. A test compiles the source again and compares. */
export function readArtifact(name: ContractName): Artifact {
  return JSON.parse(readFileSync(pathOf(name), 'utf8')) as Artifact;
}

export function writeArtifact(name: ContractName, artifact: Artifact): void {
  writeFileSync(pathOf(name), `${JSON.stringify(artifact, null, 2)}\n`);
}

/** Third-party runtime code, vendored; where it is from and under which licence stands in the file. */
export function readMulticall3(): { readonly runtime: Hex; readonly runtimeSha256: string } {
  return JSON.parse(readFileSync(pathOf('Multicall3'), 'utf8')) as { runtime: Hex; runtimeSha256: string };
}

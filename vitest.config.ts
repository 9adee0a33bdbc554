import { defineConfig } from 'vitest/config';

// One project per tier; the file's place or suffix picks it (style: unit beside the code, the rest under test/).
const shared = {
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
};

/**
 * What mostly waits, for leases, expiries and finality, runs beside the rest of the tier (test/run.mjs): one after the other they would take half an
 * hour of doing nothing.
 */
const WAITING = ['facilitators', 'liveness-faults', 'permit2-payer', 'prepaid', 'restore'].map(
  (name) => `test/e2e/${name}.spec.ts`,
);
const endToEnd = { fileParallelism: false, testTimeout: 300_000, hookTimeout: 300_000 };

/** A busy machine is slow, not wrong. */
const patience = { expect: { poll: { timeout: 15_000 } } };

export default defineConfig({
  test: {
    projects: [
      {
        ...shared,
        test: {
          ...patience,
          name: 'unit',
          include: [
            'apps/**/*.spec.ts',
            'libs/**/*.spec.ts',
            'test/check/**/*.spec.ts',
            'test/checker/**/*.spec.ts',
          ],
          setupFiles: ['reflect-metadata'],
        },
      },
      {
        ...shared,
        test: {
          ...patience,
          name: 'conformance',
          include: ['test/conformance/**/*.spec.ts'],
          setupFiles: ['reflect-metadata'],
          testTimeout: 60_000,
        },
      },
      {
        ...shared,
        test: {
          ...patience,
          name: 'simulation',
          include: ['test/simulation/**/*.spec.ts'],
          testTimeout: 300_000,
        },
      },
      {
        ...shared,
        test: {
          ...patience,
          name: 'integration',
          include: ['test/integration/**/*.spec.ts'],
          setupFiles: ['reflect-metadata'],
          globalSetup: ['test/support/services.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        ...shared,
        test: {
          ...patience,
          ...endToEnd,
          name: 'e2e',
          include: ['test/e2e/**/*.spec.ts'],
          exclude: WAITING,
        },
      },
      { ...shared, test: { ...patience, ...endToEnd, name: 'e2e-waiting', include: WAITING } },
    ],
  },
});

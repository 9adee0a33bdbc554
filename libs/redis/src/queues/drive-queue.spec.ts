import { parseOperationId } from '#domain';
import { describe, expect, it } from 'vitest';
import { driveJob, MAX_IDS_PER_JOB, parseDriveJob } from './drive-queue.js';

const id = parseOperationId('11111111-2222-4333-8444-555555555555');
const other = parseOperationId('11111111-2222-4333-8444-666666666666');

describe('drive queue', () => {
  it('reads back what it wrote', () => {
    expect(parseDriveJob(driveJob([id], 'x').data)).toEqual([id]);
    expect(parseDriveJob(driveJob([id, other], 'x').data)).toEqual([id, other]);
  });

  it.each([
    undefined,
    null,
    42,
    'text',
    [],
    {},
    { operationId: null },
    { operationId: 7 },
    { operationId: "1' OR '1'='1" },
    { operationId: { toString: 'x' } },
    { operationId: `${id}-1` },
    { operationIds: id },
    { operationIds: [id, 7] },
    { operationIds: Array.from({ length: MAX_IDS_PER_JOB + 1 }, () => id) },
  ])('takes %j for no job at all', (data) => {
    expect(parseDriveJob(data)).toEqual([]);
  });

  it('never repeats a job id for the same operation, so a wake-up is not taken for the job that runs', () => {
    expect(driveJob([id], 'a').opts.jobId).not.toBe(driveJob([id], 'b').opts.jobId);
    expect(driveJob([id], 'a').opts).toMatchObject({
      attempts: 1,
      removeOnComplete: true,
      removeOnFail: true,
    });
  });
});

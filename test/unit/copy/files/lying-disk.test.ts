import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LANDMARK_BYTES } from '../../../../src/copy/landmarks.ts';
import { bytesOf, FileDrive, type FileSpec } from '../../../support/file-drive.ts';
import { believing, dyingAt } from '../../../support/wrapped-container.ts';

/**
 * A disk that tells rubbish of files and landmarks from some read on, without an error, until its attempt
 * ends: by a death, a stop or a check. Whatever the instants: no attempt is Completed with a wrong blob, and
 * when the disk is cured the copy ends with the right ones, each under its own name.
 */

const MIB = 1024 * 1024;
const tree = { kind: 'tree', container: 'tree', blobPrefix: '' } as const;
const files: readonly FileSpec[] = [
  ...[0, 1, 2, 3].map((index) => ({
    ...{ blob: `a/small-${index}.jpg`, bytes: bytesOf(`small ${index}`, 3000 + index) },
  })),
  { blob: 'b/large.raw', bytes: bytesOf('large', 9 * MIB) },
  { blob: 'c/last.jpg', bytes: bytesOf('last', 4000) },
];

const attempts = fc.array(
  fc.record({
    liesFrom: fc.option(fc.integer({ min: 1, max: 8 })),
    end: fc.oneof(
      fc.record({
        method: fc.constantFrom('put', 'stageBlock', 'commit', 'properties'),
        nth: fc.integer({ min: 1, max: 6 }),
      }),
      fc.record({ stopAtBytes: fc.integer({ min: 0, max: 10 * MIB }) }),
    ),
  }),
  { minLength: 1, maxLength: 3 },
);
/** The blobs are rubbish, were to be replaced, and are found to be what the disk says once more. */
const sameRubbish: Attempt[] = [
  { liesFrom: 4, end: { method: 'commit', nth: 6 } },
  { liesFrom: 5, end: { stopAtBytes: 1_712_121 } },
  { liesFrom: 2, end: { method: 'put', nth: 6 } },
];
/** A range is staged anew under its id, as rubbish, and the journal hears nothing of it. */
const rubbishUnheard: Attempt[] = [
  { liesFrom: 7, end: { stopAtBytes: 7_831_112 } },
  { liesFrom: 6, end: { method: 'stageBlock', nth: 1 } },
];
type Attempt = typeof attempts extends fc.Arbitrary<(infer One)[]> ? One : never;

const placeAt = (at: number) => bytesOf(`disk ${at}`, LANDMARK_BYTES);

async function attempt(drive: FileDrive, { liesFrom, end }: Attempt): Promise<void> {
  let reads = 0;
  const isLying = () => liesFrom !== null && reads >= liesFrom;
  drive.faults = {
    onRead: () => void reads++,
    afterRead: (bytes) => {
      if (isLying()) for (const [at, byte] of bytes.entries()) bytes[at] = byte ^ 0xff;
    },
  };
  drive.placeAt = (at) => (isLying() ? Buffer.alloc(LANDMARK_BYTES, 0xa5) : placeAt(at));
  const stop = new AbortController();
  if ('method' in end) {
    const dying = dyingAt(end.method, end.nth);
    drive.wrap = (container) => dying(believing(container));
  } else {
    drive.onMessage = (message) => {
      const bytes = message.kind === 'progress' ? message.progress.stagedBytes : -1;
      if (bytes >= end.stopAtBytes) stop.abort();
    };
  }
  const settled = await drive.copy({ plan: tree }, stop.signal).catch(() => undefined);
  if (settled !== undefined) expect(isLying()).toBe(false);
  drive.faults = {};
  drive.placeAt = placeAt;
  drive.wrap = believing;
  drive.onMessage = () => undefined;
}

test('no instant at which a disk begins to lie makes a wrong blob of a copy that is Completed', async () => {
  await fc.assert(
    fc.asyncProperty(attempts, async (all) => {
      await using drive = await FileDrive.create();
      drive.wrap = believing;
      for (const { blob, bytes } of files) await drive.write(blob, bytes);
      for (const each of all) await attempt(drive, each);
      const { verdict } = await drive.copy({ plan: tree });
      expect(verdict).toMatchObject({ outcome: 'Completed', files: { completed: files.length } });
      expect(await drive.namesIn('tree')).toEqual(files.map(({ blob }) => blob));
      for (const { blob, bytes } of files) {
        expect((await drive.stored(`tree/${blob}`)).equals(bytes)).toBe(true);
      }
    }),
    {
      numRuns: 8,
      timeout: 30_000,
      endOnFailure: true,
      examples: [[sameRubbish], [rubbishUnheard]],
    },
  );
}, 240_000);

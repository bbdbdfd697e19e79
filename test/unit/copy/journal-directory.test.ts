import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sweepJournals } from '../../../src/copy/journal-directory.ts';
import { temporaryDirectory } from '../../support/ledger.ts';

/** By what a copy of files knows its blobs and its disk. */
const KNOWN = ['.differs', '.doubted', '.landmarks', '.stranger', '.asked'];

it('keeps what copies without a verdict need, and nothing else', async () => {
  await using directory = await temporaryDirectory();
  for (const copy of ['open', 'settled']) {
    for (const suffix of ['', '.map', ...KNOWN, '.7.new']) {
      await writeFile(join(directory.path, `${copy}.journal${suffix}`), 'x');
    }
    await mkdir(join(directory.path, `${copy}.journal.scratch`));
    await writeFile(join(directory.path, `${copy}.journal.scratch`, '0'), 'x');
  }
  await writeFile(join(directory.path, 'tmp-7-draft'), 'x');
  await sweepJournals(directory.path, new Set(['open']));
  expect((await readdir(directory.path, { recursive: true })).sort()).toEqual([
    'open.journal',
    'open.journal.asked',
    'open.journal.differs',
    'open.journal.doubted',
    'open.journal.landmarks',
    'open.journal.map',
    'open.journal.scratch',
    'open.journal.scratch/0',
    'open.journal.stranger',
  ]);
});

it('is content where no copy ever ran', async () => {
  await using directory = await temporaryDirectory();
  await sweepJournals(join(directory.path, 'journals'), new Set());
});

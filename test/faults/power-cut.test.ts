import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recordDiskUnavailable } from '../../native-fixtures/record-disk.ts';
import { DirectoryContainer } from '../../src/blobs/directory.ts';
import { CopyJournal, readJournal } from '../../src/copy/journal.ts';
import { Scratch } from '../../src/copy/scratch.ts';
import { lockStateDirectory } from '../../src/ledger/state-lock.ts';
import { afterPowerCut } from '../support/crash-states/forced.ts';

const unavailable = recordDiskUnavailable();
const never = new AbortController().signal;

const NONCE = '00112233aabbccdd';

describe.skipIf(unavailable !== undefined)(
  `after a power cut (${unavailable ?? 'mounted'})`,
  () => {
    it('a journal has what was appended, in a directory that it made', async () => {
      const entry = { kind: 'staged', blob: 'disk.img', index: 0, id: 'an id' } as const;
      const head = { copyId: 'copy-1', nonce: NONCE };
      const fileIn = (directory: string) => join(directory, 'made', 'journals', 'copy-1.journal');
      await afterPowerCut(
        async (directory) => {
          const journal = await CopyJournal.start(fileIn(directory), head, []);
          await journal.append(entry);
          await journal.close();
        },
        async (directory) => {
          const records = await Array.fromAsync(readJournal(fileIn(directory)));
          expect(records).toEqual([{ kind: 'copy', ...head }, entry]);
        },
      );
    });

    it('what was read of several blocks is kept, when it was synced', async () => {
      await afterPowerCut(
        async (directory) => {
          const scratch = await Scratch.create(join(directory, 'scratch'), NONCE);
          await scratch.write(0, 512, Buffer.from('of the first'));
          await scratch.write(8192, 0, Buffer.from('of the second'));
          await scratch.sync();
          await scratch.write(16_384, 0, Buffer.from('of the third'));
          await scratch.close();
        },
        async (directory) => {
          const scratch = await Scratch.create(join(directory, 'scratch'), NONCE);
          expect([...scratch.blocks.keys()].sort()).toEqual([0, 8192]);
          const buffer = Buffer.alloc(1024);
          await scratch.readInto(0, buffer);
          expect(buffer.toString('latin1', 512, 524)).toBe('of the first');
          await scratch.readInto(8192, buffer);
          expect(buffer.toString('latin1', 0, 13)).toBe('of the second');
          await scratch.close();
        },
      );
    });

    it('what was read is kept, when it was synced while the next block had its turn', async () => {
      await afterPowerCut(
        async (directory, cut) => {
          const scratch = await Scratch.create(join(directory, 'scratch'), NONCE);
          await scratch.write(0, 0, Buffer.from('of the first'));
          const next = scratch.write(8192, 0, Buffer.from('of the second'));
          // Now its turn has begun.
          await Promise.resolve();
          await scratch.sync();
          await cut();
          await next;
          await scratch.close();
        },
        async (directory) => {
          const scratch = await Scratch.create(join(directory, 'scratch'), NONCE);
          const buffer = Buffer.alloc(1024);
          await scratch.readInto(0, buffer);
          expect(buffer.toString('latin1', 0, 12)).toBe('of the first');
          await scratch.close();
        },
      );
    });

    it('a container is there whose maker was killed before its name was safe', async () => {
      await afterPowerCut(
        async (directory) => {
          for (const name of ['images', 'images/staged', 'images/unfinished', 'images/blobs']) {
            await mkdir(join(directory, name));
          }
          await new DirectoryContainer({ directory, container: 'images' }).ensure(never);
        },
        async (directory) => {
          await access(join(directory, 'images', 'blobs'));
        },
      );
    });

    it('the state directory is there that a station has made', async () => {
      await afterPowerCut(
        async (directory) => {
          (await lockStateDirectory(join(directory, 'state')))();
        },
        async (directory) => {
          await access(join(directory, 'state'));
        },
      );
    });
  },
);

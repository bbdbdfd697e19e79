import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { type Operation, readOperations } from '../../../native-fixtures/record-disk/operations.ts';
import { writeState } from '../../../native-fixtures/record-disk/write-state.ts';
import { RecordDisk } from '../../../native-fixtures/record-disk.ts';
import { unlessMissing } from '../../../src/blobs/durable-file.ts';
import type { Settled } from '../../../src/copy/copy-drive.ts';
import { landmarksFile } from '../../../src/copy/files/landmarks-file.ts';
import { sweepJournals } from '../../../src/copy/journal-directory.ts';
import { syncPath } from '../../../src/sync-path.ts';
import { FileDrive, never } from '../file-drive.ts';
import { CONTAINER, FOREIGN, REPLACED, SOMEBODY, sha256, specs } from './files-specs.ts';
import type { CrashState } from './states.ts';

/** A drive of a few files of every kind, a recording of its copy, and copies from what that left. */

const CHILD = fileURLToPath(new URL('./files-child.ts', import.meta.url));
const COPY_ID = 'copy-1';
const JOURNAL = `${COPY_ID}.journal`;
/** What a copy without a verdict in the ledger keeps. */
const KEPT = [JOURNAL, landmarksFile(JOURNAL)];

const properties = z.object({
  name: z.string(),
  version: z.string(),
  sequenceNumber: z.int().default(0),
});

/** A blob as it lies in the store: `version` is drawn anew whenever a blob is made. */
export interface FoundBlob {
  readonly version: string;
  /** The mark of the copy on a page blob; 0 when it has none. */
  readonly sequenceNumber: number;
  readonly sha256: string;
}

export interface FilesRestart {
  readonly before: ReadonlyMap<string, FoundBlob>;
  readonly after: ReadonlyMap<string, FoundBlob>;
  readonly settled: Settled;
  readonly left: readonly string[];
}

export function copyInto(drive: FileDrive, root: string): Promise<Settled> {
  drive.storage = { kind: 'directory', directory: join(root, 'store') };
  return drive.copy({ journalFile: join(root, 'state', 'journals', JOURNAL) });
}

export class FilesBench implements AsyncDisposable {
  readonly #drive: FileDrive;
  readonly #directory: string;
  #runs = 0;

  private constructor(drive: FileDrive, directory: string) {
    this.#drive = drive;
    this.#directory = directory;
  }

  static async create(): Promise<FilesBench> {
    const directory = await mkdtemp(join(tmpdir(), 'drive-station-crash-'));
    for (const name of ['lower', 'mount']) await mkdir(join(directory, name));
    const drive = await FileDrive.create();
    await drive.prepare(specs());
    return new FilesBench(drive, directory);
  }

  /** Records one undisturbed copy, from the mark `begin` on. */
  async record(): Promise<readonly Operation[]> {
    const [lower, mount, log] = ['lower', 'mount', 'log'].map((name) =>
      join(this.#directory, name),
    );
    if (lower === undefined || mount === undefined || log === undefined) throw new TypeError();
    {
      await using disk = await RecordDisk.mount({ lower, mount, log });
      await mkdir(join(mount, 'store'));
      await syncPath(mount);
      this.#drive.storage = { kind: 'directory', directory: join(mount, 'store') };
      for (const name of [FOREIGN, REPLACED]) {
        await this.#drive.occupy(`${CONTAINER}/${name}`, SOMEBODY);
      }
      await disk.mark('begin');
      const args = ['--disable-warning=ExperimentalWarning', CHILD];
      const { directory, manifestHash } = this.#drive;
      await promisify(execFile)(process.execPath, [...args, directory, manifestHash, mount]);
    }
    return (await readOperations(log)).operations;
  }

  /** Makes the state and copies again. */
  async restart({ state }: CrashState): Promise<FilesRestart> {
    const root = join(this.#directory, `run-${this.#runs++}`);
    await writeState(state, root);
    const journals = join(root, 'state', 'journals');
    try {
      await sweepJournals(journals, new Set([COPY_ID]));
      const before = await blobsIn(root);
      const settled = await copyInto(this.#drive, root);
      // The next copy into the same container finds what this one has left.
      await (await this.#drive.container(CONTAINER)).ensure(never);
      const unfinished = await readdir(join(root, 'store', CONTAINER, 'unfinished'));
      const left = [...unfinished, ...(await readdir(journals))].filter(
        (name) => !KEPT.includes(name),
      );
      return { before, after: await blobsIn(root), settled, left };
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#drive[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

async function blobsIn(root: string): Promise<Map<string, FoundBlob>> {
  const blobs = join(root, 'store', CONTAINER, 'blobs');
  const found = new Map<string, FoundBlob>();
  for (const key of (await unlessMissing(readdir(blobs))) ?? []) {
    const text = await readFile(join(blobs, key, 'properties.json'), 'utf8');
    const { name, ...known } = properties.parse(JSON.parse(text));
    found.set(name, { ...known, sha256: sha256(await readFile(join(blobs, key, 'content'))) });
  }
  return found;
}

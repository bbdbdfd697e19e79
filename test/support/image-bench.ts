import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobContainer } from '../../src/blobs/contract.ts';
import { openContainer } from '../../src/blobs/open.ts';
import { copyDrive } from '../../src/copy/copy-drive.ts';
import type { DiskToRead } from '../../src/copy/device.ts';
import { badPlace } from '../../src/copy/disk-errors.ts';
import type { FromCopy, ImageAssignment } from '../../src/copy/messages.ts';
import type { NotedReads } from '../../src/copy/noted-reads.ts';
import type { BlobName } from '../../src/domain/blob-name.ts';
import type { Verdict } from '../../src/domain/verdict.ts';

/** Attempts to copy disks that are buffers, in this process, as images into one directory. */

const PATH = '/dev/x';
const IMAGE = 'SICK.img' as BlobName;
const never = new AbortController().signal;

/** A disk that reads whatever is asked of it. */
export class MemoryDisk implements DiskToRead {
  readonly devicePath = PATH;
  readonly sizeBytes: number;
  readonly mayBeAsleep = false;
  readonly sectorBytes = { logical: 512, physical: 512 };
  readonly #content: Buffer;

  constructor(content: Buffer) {
    this.#content = content;
    this.sizeBytes = content.length;
  }

  async readInto(bytes: Buffer, offsetBytes: number): Promise<void> {
    this.#content.copy(bytes, 0, offsetBytes, offsetBytes + bytes.length);
  }

  async proveAlive(): Promise<void> {}

  async stillSame(): Promise<void> {
    await this.proveAlive();
  }

  async writesCompleted(): Promise<number> {
    return 0;
  }
}

/** What a read of a bad place of such a disk throws. */
export function unreadable(bytes: Buffer, offsetBytes: number) {
  const why = { errno: 'EIO', lengthBytes: bytes.length, cause: undefined };
  return badPlace(PATH, offsetBytes, why);
}

export interface Attempting {
  /** Of the disk's attachment; 1 unless given. */
  readonly diskseq?: number;
  /** Stands around the store of the image. */
  wrap?(inner: BlobContainer): BlobContainer;
  onMessage?(message: FromCopy): void;
  onReads?(reads: Pick<NotedReads, 'noteHang'>): void;
  readonly signal?: AbortSignal;
}

export class ImageBench implements AsyncDisposable {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async create(): Promise<ImageBench> {
    const directory = await mkdtemp(join(tmpdir(), 'drive-station-image-'));
    await mkdir(join(directory, 'store'));
    return new ImageBench(directory);
  }

  get journalFile(): string {
    return join(this.#directory, 'journals', 'copy-1.journal');
  }

  async copy(
    device: DiskToRead,
    {
      diskseq = 1,
      wrap = (inner) => inner,
      onMessage: report = () => undefined,
      onReads = () => undefined,
      signal = never,
    }: Attempting = {},
  ): Promise<Verdict> {
    const { sizeBytes } = device;
    const assignment: ImageAssignment = {
      kind: 'assignment',
      ...{ copyId: 'copy-1', nonce: '00112233aabbccdd', driveId: 'SICK', readHangMs: 60_000 },
      disk: { devicePath: PATH, diskseq, sizeBytes, wwns: [], writesAtFirstSight: 0 },
      plan: { kind: 'image', container: 'disks', blobPrefix: '' },
      storage: { kind: 'directory', directory: join(this.#directory, 'store') },
      logs: { jobName: 'job', level: 'Error', path: '' },
      journalFile: this.journalFile,
    };
    const parts = {
      ...{ device, container: wrap(await this.container('disks')), report, onReads },
      ...{ now: () => new Date(), random: Math.random },
      openLogContainer: (name: string) => this.container(name),
    };
    return (await copyDrive(assignment, parts, signal)).verdict;
  }

  /** The image. */
  async stored(): Promise<Buffer> {
    const container = await this.container('disks');
    return Buffer.concat(await Array.fromAsync(container.read(IMAGE, never)));
  }

  async removeImage(): Promise<void> {
    const container = await this.container('disks');
    const name = IMAGE;
    await container.remove({ name, ...(await container.properties(name, never)) }, never);
  }

  container(name: string): Promise<BlobContainer> {
    const directory = join(this.#directory, 'store');
    return openContainer({ kind: 'directory', directory }, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true });
  }
}

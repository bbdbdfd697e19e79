import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, watch } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FaultDisk, faultDisk } from '../../native-fixtures/fault-disk.ts';
import { contentAt, writeImage } from '../../native-fixtures/image.ts';
import { releaseAll } from '../../native-fixtures/loop-disk.ts';
import type { BlobContainer } from '../../src/blobs/contract.ts';
import { openContainer } from '../../src/blobs/open.ts';
import { type CopyResult, runCopyProcess } from '../../src/copy/copy-process.ts';
import type { Assignment, FromCopy } from '../../src/copy/messages.ts';
import type { DiskFault } from '../../src/detect/identity-file.ts';
import type { BlobName } from '../../src/domain/blob-name.ts';
import type { Extent } from '../../src/domain/plan.ts';
import { parseRescueMap, type RescueFile } from '../../src/formats/rescue-map.ts';
import { StateDisk } from '../../src/rehearsal/state-disk.ts';
import { type WholeLog, wholeLog } from './drive-logs.ts';

const NEVER = new AbortController().signal;
const SEED = 'rescue';
/** So much that the blocks of a disk are rescued together; what is not used takes no memory. */
const JOURNALS_BYTES = 4 * 1024 * 1024 * 1024;

/** A disk with bad places, a directory as its store, and copies of one into the other. */
export class RescueBench implements AsyncDisposable {
  readonly directory: string;
  readonly sizeBytes: number;
  readonly image: string;
  disk: FaultDisk;
  #journals: StateDisk | undefined;

  private constructor(directory: string, sizeBytes: number, disk: FaultDisk) {
    this.directory = directory;
    this.sizeBytes = sizeBytes;
    this.image = join(directory, 'disk.img');
    this.disk = disk;
  }

  static async create(sizeBytes: number, faults: readonly DiskFault[] = []): Promise<RescueBench> {
    const directory = await mkdtemp(join(tmpdir(), 'drive-station-rescue-'));
    await mkdir(join(directory, 'store'));
    const image = join(directory, 'disk.img');
    await writeImage(image, { seed: SEED, sizeBytes });
    return new RescueBench(directory, sizeBytes, await faultDisk(image, { faults }));
  }

  /** Takes the disk out and puts it in again, with other faults. */
  async replug(faults: readonly DiskFault[]): Promise<void> {
    await this.disk.close();
    this.disk = await faultDisk(this.image, { faults });
  }

  async assignment(over: Partial<Assignment> = {}): Promise<Assignment> {
    const { disk } = this.disk;
    const stat = await readFile(`/sys/block/${disk.name}/stat`, 'utf8');
    return {
      kind: 'assignment',
      copyId: 'copy-1',
      nonce: '00112233aabbccdd',
      driveId: 'SICK',
      disk: {
        devicePath: disk.device,
        diskseq: disk.diskseq,
        sizeBytes: this.sizeBytes,
        wwns: [],
        writesAtFirstSight: Number(stat.trim().split(/\s+/u)[4]),
      },
      plan: { kind: 'image', container: 'disks', blobPrefix: '' },
      storage: { kind: 'directory', directory: join(this.directory, 'store') },
      logs: { jobName: 'job', level: 'Verbose', path: '' },
      journalFile: this.journalFile,
      readHangMs: 60_000,
      ...over,
    };
  }

  async copy(
    onMessage: (message: FromCopy) => void = () => undefined,
    options: CopyOptions = {},
  ): Promise<CopyResult> {
    const assignment = await this.assignment(options.over);
    const { onStarted = async () => undefined } = options;
    const listener = { onStarted, onMessage, onAbandoned: () => undefined };
    return await runCopyProcess(assignment, listener, options.signal ?? NEVER);
  }

  /** Copies until the map on the disk, or a message, shows that it is time to die; `undefined`: never. */
  async copyUntil(isTime: Moment, over: Partial<Assignment> = {}): Promise<CopyResult> {
    await this.journalsInMemory();
    const map = `${this.journalFile}.map`;
    let copy: number | undefined;
    // All in one turn: the moment is over soon, and this process may wait long for its next turn.
    const watcher = watch(this.journals, () => {
      const now = mapNow(map);
      if (now !== undefined && isTime.map?.(now) === true) kill(copy);
    });
    const onMessage = (message: FromCopy) => {
      if (isTime.message?.(message) === true) kill(copy);
    };
    const onStarted = async (pid: number) => {
      copy = pid;
    };
    try {
      return await this.copy(onMessage, { over, onStarted });
    } finally {
      watcher.close();
    }
  }

  /**
   * A map that is slow to write is written seldom. In memory it is there at once, so that it tells of
   * each slow read, however busy the disks of this machine are.
   */
  async journalsInMemory(sizeBytes = JOURNALS_BYTES): Promise<StateDisk> {
    if (this.#journals === undefined) await mkdir(this.journals);
    this.#journals ??= await StateDisk.mount(this.journals, sizeBytes);
    return this.#journals;
  }

  get journals(): string {
    return join(this.directory, 'journals');
  }

  get journalFile(): string {
    return join(this.journals, 'copy-1.journal');
  }

  store(container: string): Promise<BlobContainer> {
    return openContainer(
      { kind: 'directory', directory: join(this.directory, 'store') },
      container,
    );
  }

  async stored(): Promise<Buffer> {
    const container = await this.store('disks');
    return Buffer.concat(await Array.fromAsync(container.read('SICK.img' as BlobName, NEVER)));
  }

  /** What the image holds, with zeros in these places. */
  withZeros(holes: readonly Extent[]): Buffer {
    const bytes = Buffer.from(contentAt(SEED, 0, this.sizeBytes));
    for (const { offsetBytes, lengthBytes } of holes) {
      bytes.fill(0, offsetBytes, offsetBytes + lengthBytes);
    }
    return bytes;
  }

  async log(url: string | undefined): Promise<WholeLog> {
    return await wholeLog(createReadStream(fileURLToPath(url ?? '')));
  }

  async map(url: string | undefined): Promise<RescueFile> {
    return parseRescueMap(await readFile(fileURLToPath(url ?? ''), 'latin1'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disk.close();
    await this.#journals?.[Symbol.asyncDispose]();
    await releaseAll(this.directory);
    await rm(this.directory, { recursive: true, force: true });
  }
}

export interface Moment {
  map?(file: RescueFile): boolean;
  message?(message: FromCopy): boolean;
}

interface CopyOptions {
  readonly signal?: AbortSignal;
  readonly over?: Partial<Assignment>;
  onStarted?(pid: number): Promise<void>;
}

function mapNow(file: string): RescueFile | undefined {
  try {
    return parseRescueMap(readFileSync(file, 'latin1'));
  } catch {
    return undefined;
  }
}

function kill(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended in the meantime.
  }
}

export const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

export function bad(offsetBytes: number, lengthBytes: number, times?: number): DiskFault {
  const fault = { kind: 'read-error', offsetBytes, lengthBytes, errno: 61 } as const;
  return times === undefined ? fault : { ...fault, times };
}

import { createHash, hash } from 'node:crypto';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { BlobContainer, StorageAccount, WriteCondition } from '../../src/blobs/contract.ts';
import { openContainer } from '../../src/blobs/open.ts';
import type { Settled } from '../../src/copy/copy-drive.ts';
import { copyFiles, type FilesParts } from '../../src/copy/files/copy-files.ts';
import { LANDMARK_BYTES } from '../../src/copy/landmarks.ts';
import type { FilesAssignment, FromCopy } from '../../src/copy/messages.ts';
import type { BlobName } from '../../src/domain/blob-name.ts';
import { parseBlobPath } from '../../src/domain/blob-path.ts';
import { parseDigest } from '../../src/domain/digest.ts';
import type { Disposition } from '../../src/domain/import-disposition.ts';
import type { ManifestBlob, SideFile } from '../../src/domain/manifest.ts';
import { driveManifestXml } from '../../src/formats/manifest-writer.ts';
import type { OpenVolume } from '../../src/volumes/contract.ts';
import { type FolderFaults, folderVolume } from './folder-volume.ts';
import { seededRandom } from './random.ts';

/** A prepared drive that is a folder, and the copy of it in this process. */

export const never = new AbortController().signal;
const DRIVE_ID = 'WD-WMATV6965824';
const NONCE = '00112233aabbccdd';

export interface FileSpec {
  /** `container/name`. */
  readonly blob: string;
  readonly bytes: Buffer;
  readonly blockBytes?: number;
  readonly ids?: boolean;
  /** Offsets and lengths of the ranges of a page blob. */
  readonly pages?: readonly (readonly [offset: number, length: number])[];
  readonly disposition?: Disposition;
  readonly metadata?: string;
  readonly properties?: string;
  /** On the drive; made of the blob's path unless given. */
  readonly path?: string;
}

export function bytesOf(seed: string, length: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < length; at += 64) {
    parts.push(createHash('sha512').update(`${seed} ${at}`).digest());
  }
  return Buffer.concat(parts).subarray(0, length);
}

const digestOf = (bytes: Uint8Array | string) => {
  const digest = parseDigest(hash('md5', bytes, 'hex'));
  if (digest === undefined) throw new TypeError('an MD5 is a digest');
  return digest;
};

/** A folder with files and a manifest, a store, and copies from one to the other. */
export class FileDrive implements AsyncDisposable {
  readonly directory: string;
  readonly root: string;
  readonly messages: FromCopy[] = [];
  storage: StorageAccount;
  faults: FolderFaults = {};
  onMessage: (message: FromCopy) => void = () => undefined;
  manifestHash = '';
  manifestFile = '\\DriveManifest.xml';
  clockSkewMs = 0;
  level: 'Error' | 'Verbose' = 'Verbose';
  /** As a copy opens a container of the store; without patience unless set. */
  open: (name: string) => Promise<BlobContainer> = (name) => openContainer(this.storage, name);
  /** Wraps what a copy sees of the store. */
  wrap: (container: BlobContainer) => BlobContainer = (container) => container;
  proveStillThere: () => Promise<void> = async () => undefined;
  /** The bytes of the disk below the files. */
  placeAt: (offsetBytes: number) => Buffer = (at) => bytesOf(`disk ${at}`, LANDMARK_BYTES);

  /** Whether nothing below the files was read for long. */
  mayBeAsleep = false;

  private constructor(directory: string) {
    this.directory = directory;
    this.root = join(directory, 'drive');
    this.storage = { kind: 'directory', directory: join(directory, 'store') };
  }

  static async create(): Promise<FileDrive> {
    const directory = await mkdtemp(join(tmpdir(), 'drive-station-files-'));
    await mkdir(join(directory, 'drive'));
    await mkdir(join(directory, 'store'));
    return new FileDrive(directory);
  }

  /** One that another process has made. */
  static at(directory: string): FileDrive {
    return new FileDrive(directory);
  }

  async write(path: string, bytes: Buffer | string): Promise<void> {
    const file = join(this.root, ...path.split('\\').filter((name) => name !== ''));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
    const then = new Date('2024-05-06T07:08:09Z');
    await utimes(file, then, then);
  }

  /** Writes the files and the manifest that names them. */
  async prepare(specs: readonly FileSpec[], driveId = DRIVE_ID): Promise<void> {
    const blobs: ManifestBlob[] = [];
    for (const spec of specs) {
      const path = spec.path ?? `\\${spec.blob.replaceAll('/', '\\')}`;
      await this.write(path, spec.bytes);
      blobs.push(await this.#blobOf(spec, path));
    }
    await this.writeManifest(blobs, driveId);
  }

  async writeManifest(blobs: readonly ManifestBlob[], driveId = DRIVE_ID): Promise<void> {
    const manifest = { version: '2014-11-01', driveId, lists: [{ blobs }] };
    const text = (await Array.fromAsync(driveManifestXml(manifest))).join('');
    await this.write(this.manifestFile, text);
    this.manifestHash = hash('md5', text, 'hex').toUpperCase();
  }

  async #blobOf(spec: FileSpec, filePath: string): Promise<ManifestBlob> {
    const { bytes, disposition = 'rename' } = spec;
    const answer = parseBlobPath(spec.blob);
    if (!answer.ok) throw new TypeError(answer.problem);
    const metadata = await this.#sideFile(filePath, 'metadata', spec.metadata);
    const properties = await this.#sideFile(filePath, 'properties', spec.properties);
    return {
      ...{ path: answer.path, filePath, length: bytes.length, disposition },
      content: contentOf(spec),
      ...(metadata === undefined ? {} : { metadata }),
      ...(properties === undefined ? {} : { properties }),
    };
  }

  async #sideFile(of: string, kind: string, text?: string): Promise<SideFile | undefined> {
    if (text === undefined) return undefined;
    const path = `${of}.${kind}`;
    await this.write(path, text);
    return { path, hash: digestOf(text) };
  }

  assignment(over: Partial<FilesAssignment> = {}): FilesAssignment {
    const { manifestFile, manifestHash } = this;
    return {
      kind: 'assignment',
      ...{ copyId: 'copy-1', nonce: NONCE, driveId: DRIVE_ID },
      disk: { devicePath: '/dev/x', diskseq: 1, sizeBytes: 1, wwns: [], writesAtFirstSight: 0 },
      plan: { kind: 'manifest' },
      prepared: { manifestFile, manifestHash },
      storage: this.storage,
      logs: { jobName: 'job_1', level: this.level, path: '', backupManifest: true },
      journalFile: join(this.directory, 'journals', 'copy-1.journal'),
      readHangMs: 60_000,
      ...over,
    };
  }

  async copy(over: Partial<FilesAssignment> = {}, signal = never): Promise<Settled> {
    return await copyFiles(this.assignment(over), this.parts(), signal);
  }

  parts(): FilesParts {
    const mayBeAsleep = () => this.mayBeAsleep;
    const volume = (): OpenVolume => folderVolume(this.root, this.faults);
    return {
      drive: {
        devicePath: '/dev/x',
        get mayBeAsleep() {
          return mayBeAsleep();
        },
        openVolume: async () => volume(),
        readLandmark: async (offsetBytes) => this.placeAt(offsetBytes),
        proveStillThere: () => this.proveStillThere(),
        kernelWrites: async () => 0,
      },
      openContainer: async (name) => this.wrap(await this.open(name)),
      openLogContainer: (name) => openContainer(this.storage, name),
      contentTypeOf: (name) => (name.endsWith('.txt') ? 'text/plain' : undefined),
      now: () => new Date(Date.now() + this.clockSkewMs),
      random: seededRandom(1),
      report: (message) => {
        this.messages.push(message);
        this.onMessage(message);
      },
    };
  }

  container(name: string): Promise<BlobContainer> {
    return openContainer(this.storage, name);
  }

  /** Makes a blob of somebody else. */
  async occupy(
    blob: string,
    bytes = Buffer.from('somebody else’s'),
    condition: WriteCondition = 'must-not-exist',
  ): Promise<void> {
    const [container, name] = split(blob);
    const opened = await this.container(container);
    await opened.ensure(never);
    const md5 = hash('md5', bytes, 'hex');
    await opened.put({ name, body: bytes, md5, condition, metadata: { owner: 'somebody' } }, never);
  }

  async stored(blob: string): Promise<Buffer> {
    const [container, name] = split(blob);
    const opened = await this.container(container);
    return Buffer.concat(await Array.fromAsync(opened.read(name, never)));
  }

  async propertiesOf(blob: string) {
    const [container, name] = split(blob);
    return (await this.container(container)).properties(name, never);
  }

  /** Names of all blobs of a container. */
  async namesIn(container: string): Promise<string[]> {
    const opened = await this.container(container);
    await opened.ensure(never);
    const { items } = await opened.listBlobs({ prefix: '' }, never);
    return items.map(({ name }) => name).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

function split(blob: string): [container: string, name: BlobName] {
  const slash = blob.indexOf('/');
  return [blob.slice(0, slash), blob.slice(slash + 1) as BlobName];
}

function contentOf({ bytes, blockBytes = 4 * 1024 * 1024, ids, pages }: FileSpec) {
  if (pages !== undefined) {
    const list = pages.map(([offset, length]) => {
      const hashOf = digestOf(bytes.subarray(offset, offset + length));
      return { offset, length, hash: hashOf };
    });
    return { kind: 'pages', list } as const;
  }
  const count = Math.ceil(bytes.length / blockBytes);
  const list = Array.from({ length: count }, (_, index) => {
    const offset = index * blockBytes;
    const block = bytes.subarray(offset, offset + blockBytes);
    const id = Buffer.alloc(4);
    id.writeUInt32LE(index);
    const named = ids === true ? { id: id.toString('base64') } : {};
    return { offset, length: block.length, hash: digestOf(block), ...named };
  });
  return { kind: 'blocks', list } as const;
}

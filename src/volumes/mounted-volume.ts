import { isStationError, type StationError } from '../errors.ts';
import type {
  Filesystem,
  FoundVolume,
  OpenVolume,
  Unlocked,
  VolumeEntry,
  VolumeFile,
  VolumeNote,
} from './contract.ts';
import { rootOf } from './descriptors.ts';
import { CaseSearch } from './folder.ts';
import { mountAt } from './mount-table.ts';
import { type OpenTree, openVolumeFile } from './open-file.ts';
import type { Release } from './release.ts';
import { SecondLook } from './second-look.ts';
import { walkFolder } from './walk.ts';
import { parseVolumePath, type VolumePath } from './windows-path.ts';

interface Facts {
  readonly filesystem: Filesystem;
  readonly found: FoundVolume;
  readonly unlocked?: Unlocked;
  readonly notes: readonly VolumeNote[];
}

interface Parts {
  readonly mountPoint: string;
  /** What the filesystem lies on, the topmost first: files and block devices. */
  readonly layers: readonly string[];
  readonly release: Release;
  readonly facts: Facts;
  readonly damage: OpenVolume['damage'];
}

/** A volume whose filesystem is mounted; it holds the root of the mount, and goes only from there. */
export class MountedVolume implements OpenVolume {
  readonly filesystem: Filesystem;
  readonly found: FoundVolume;
  readonly unlocked?: Unlocked;
  readonly notes: readonly VolumeNote[];
  readonly damage: OpenVolume['damage'];
  readonly #tree: OpenTree;
  readonly #release: Release;

  private constructor(tree: OpenTree, { release, facts, damage }: Parts) {
    this.#tree = tree;
    this.#release = release;
    this.filesystem = facts.filesystem;
    this.found = facts.found;
    this.notes = facts.notes;
    this.damage = damage;
    if (facts.unlocked !== undefined) this.unlocked = facts.unlocked;
  }

  static async open(parts: Parts, signal: AbortSignal): Promise<MountedVolume> {
    const mount = await mountAt(parts.mountPoint);
    const [root, ground] = await rootOf(parts.mountPoint, mount?.id ?? -1);
    parts.release.add(async () => {
      await root.handle.close();
      return [];
    });
    const tree = { root, ground, search: new CaseSearch(), layers: parts.layers };
    const hibernated = await isHibernated(tree, signal);
    const notes = hibernated ? [...parts.facts.notes, HIBERNATED] : parts.facts.notes;
    return new MountedVolume(tree, { ...parts, facts: { ...parts.facts, notes } });
  }

  openFile(path: VolumePath, signal: AbortSignal): Promise<VolumeFile> {
    return openVolumeFile(this.#tree, path, signal);
  }

  walk(signal: AbortSignal, onBadRead: () => void = () => undefined): AsyncIterable<VolumeEntry> {
    const { root, ground, layers } = this.#tree;
    const look = new SecondLook(layers, onBadRead);
    return walkFolder({ place: root, names: [] }, { ground, look }, signal);
  }

  close(): Promise<void> {
    return this.#release.close();
  }

  /** After an earlier failure, which is what counts, so it says nothing of what is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#release.run();
  }
}

const HIBERNATED: VolumeNote = {
  code: 'hibernated',
  words:
    'a Windows that sleeps lies on the drive: it is read as it stands, and files that this Windows had open may be incomplete',
};

/** The file in which Windows sleeps begins with a mark, and with zeros when it was woken since. */
async function isHibernated(tree: OpenTree, signal: AbortSignal): Promise<boolean> {
  let file: VolumeFile | undefined;
  try {
    file = await openVolumeFile(tree, parseVolumePath('\\hiberfil.sys'), signal);
    const mark = Buffer.alloc(4);
    await file.read(mark, 0, mark.length);
    return mark.toString('latin1').toLowerCase() === 'hibr';
  } catch (error) {
    if (isNoAnswer(error)) return false;
    throw error;
  } finally {
    await file?.close();
  }
}

function isNoAnswer(error: unknown): error is StationError {
  return isStationError(error, 'file-not-found', 'file-access-denied', 'file-read-failed');
}

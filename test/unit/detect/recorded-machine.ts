import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

const RECORDINGS = new URL('../../../native-fixtures/recordings/', import.meta.url);

export function recordingOf(name: string, file: string): URL {
  return new URL(`${name}/${file}`, RECORDINGS);
}

export function readRecording(name: string, file: string): Promise<string> {
  return readFile(recordingOf(name, file), 'utf8');
}

/** A sysfs and a procfs in a temporary directory, with what a recording or a test puts there. */
export class RecordedMachine implements AsyncDisposable {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  static async create(): Promise<RecordedMachine> {
    const machine = new RecordedMachine(await mkdtemp(join(tmpdir(), 'drive-station-sysfs-')));
    await machine.write('sys/fs/ext4/features/lazy', '');
    await mkdir(join(machine.sysRoot, 'block'), { recursive: true });
    await mkdir(join(machine.sysRoot, 'dev/block'), { recursive: true });
    await machine.mounts('');
    return machine;
  }

  get sysRoot(): string {
    return join(this.#root, 'sys');
  }

  get procRoot(): string {
    return join(this.#root, 'proc');
  }

  async mounts(mountinfo: string): Promise<void> {
    await this.write('proc/self/mountinfo', mountinfo);
  }

  async write(path: string, content: string | Buffer): Promise<void> {
    const file = join(this.#root, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }

  /** A link of the kernel, such as the one from a device to its driver. */
  async linkTo(path: string, target: string): Promise<void> {
    await symlink(target, join(this.#root, path));
  }

  async remove(path: string): Promise<void> {
    await rm(join(this.#root, path), { recursive: true, force: true });
  }

  /** Links `/sys/block` and `/sys/dev/block` to a device directory that has been written. */
  async link(devpath: string, deviceNumber: string, isDisk = true): Promise<void> {
    const replace = async (link: string, target: string) => {
      await rm(link, { force: true });
      await symlink(target, link);
    };
    await replace(join(this.sysRoot, 'dev/block', deviceNumber), `../..${devpath}`);
    if (isDisk) await replace(join(this.sysRoot, 'block', basename(devpath)), `..${devpath}`);
  }

  /** Makes a plain disk out of attributes; the path is its place in sysfs. */
  async disk(devpath: string, attributes: Record<string, string | Buffer>): Promise<void> {
    const defaults = { stat: '0 0 0 0 0 0 0 0', ro: '0', removable: '0', hidden: '0' };
    for (const [name, value] of Object.entries({ ...defaults, ...attributes })) {
      await this.write(`sys${devpath}/${name}`, typeof value === 'string' ? `${value}\n` : value);
    }
    await this.link(devpath, String(attributes.dev));
  }

  /** Plays back one recorded case: every attribute that was readable, and the partitions. */
  async playBack(name: string): Promise<void> {
    const sysfs = parseSysfs(await readRecording(name, 'sysfs.txt'));
    for (const [path, value] of sysfs.attributes) {
      const device = sysfs.links.get(path.split('/').slice(0, 4).join('/'));
      const place =
        device === undefined ? path : device + path.split('/').slice(4).map(slash).join('');
      await this.write(place.slice(1), value);
    }
    for (const devpath of sysfs.links.values()) {
      await this.write(`${devpath.slice(1)}/stat`, '10 0 80 1 0 0 0 0 0 1 1\n');
      const dev = sysfs.attributes.get(`/sys/block/${basename(devpath)}/dev`);
      await this.link(devpath.slice(4), String(dev).trim());
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#root, { recursive: true, force: true });
  }
}

function slash(part: string): string {
  return `/${part}`;
}

interface RecordedSysfs {
  /** `/sys/block/X` to its place below `/sys/devices`. */
  readonly links: ReadonlyMap<string, string>;
  readonly attributes: ReadonlyMap<string, string | Buffer>;
}

/** Reads `sysfs.txt`: links, `path: value` lines and `od -c` dumps of binary pages. */
function parseSysfs(text: string): RecordedSysfs {
  const links = new Map<string, string>();
  const attributes = new Map<string, string | Buffer>();
  let page = '';
  for (const line of text.split('\n')) {
    const link = /^(\/sys\/block\/\S+) -> (\S+)$/u.exec(line);
    const attribute = /^(\/sys\/\S+?): (.*)$/u.exec(line);
    const heading = /^(\/sys\/\S+\/vpd_pg\w+):$/u.exec(line)?.[1];
    if (link?.[1] && link[2]) links.set(link[1], link[2]);
    else if (heading !== undefined) page = heading;
    else if (attribute?.[1] && !attribute[2]?.startsWith('tr: read error')) {
      attributes.set(attribute[1], `${attribute[2]}\n`);
    } else if (line.startsWith(' ') && page !== '') {
      const before = attributes.get(page);
      attributes.set(page, Buffer.concat([Buffer.from(before ?? ''), fromOctalDump(line)]));
    }
  }
  return { links, attributes };
}

const ESCAPES = new Map([
  ['\\0', 0],
  ['\\a', 7],
  ['\\b', 8],
  ['\\t', 9],
  ['\\n', 10],
  ['\\v', 11],
  ['\\f', 12],
  ['\\r', 13],
]);

/** One line of `od -An -c`: each byte in a column of four characters. */
function fromOctalDump(line: string): Buffer {
  const bytes: number[] = [];
  for (let at = 0; at < line.length; at += 4) {
    const cell = line.slice(at, at + 4);
    const text = cell.trim();
    if (/^[0-7]{3}$/u.test(text)) bytes.push(Number.parseInt(text, 8));
    else bytes.push(ESCAPES.get(text) ?? (text === '' ? 0x20 : text.charCodeAt(0)));
  }
  return Buffer.from(bytes);
}

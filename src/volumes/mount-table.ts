import { readFile } from 'node:fs/promises';

/** The mounts that this process sees, from the kernel; reading it never waits for a filesystem. */

export interface Mount {
  readonly id: number;
  readonly mountPoint: string;
  readonly filesystem: string;
  /** Major and minor number, `7:2`, of the device that it lies on; of none when the major is 0. */
  readonly device: string;
  /** Of the filesystem, beside those of the mount. */
  readonly options: readonly string[];
}

export async function mountAt(mountPoint: string): Promise<Mount | undefined> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  return parseMounts(table).findLast((mount) => mount.mountPoint === mountPoint);
}

/** Mount of an open file, by the kernel's word for the descriptor. */
export async function mountIdOf(fd: number): Promise<number | undefined> {
  const info = await readFile(`/proc/self/fdinfo/${fd}`, 'latin1');
  const id = /^mnt_id:\s*(\d+)$/mu.exec(info)?.[1];
  return id === undefined ? undefined : Number(id);
}

/** Lines of `/proc/self/mountinfo`; see proc(5). */
export function parseMounts(table: string): Mount[] {
  return table.split('\n').flatMap((line) => {
    const [fields = '', rest = ''] = line.split(' - ', 2);
    const [id, , device, , mountPoint] = fields.split(' ');
    const [filesystem, , options = ''] = rest.split(' ');
    if (device === undefined || mountPoint === undefined || filesystem === undefined) return [];
    const place = { mountPoint: unescapeOctal(mountPoint), device };
    return [{ id: Number(id), ...place, filesystem, options: options.split(',') }];
  });
}

/** The kernel writes blanks and backslashes as bytes in octal. */
function unescapeOctal(path: string): string {
  return path.replace(/\\([0-7]{3})/gu, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

import { basename } from 'node:path';
import { runTool } from './tool.ts';
import type { UdevEvent, UdevProperties } from './udev-events.ts';

/** One device of `udevadm info --export-db` or `--query=all`. */
export interface UdevRecord {
  readonly devpath: string;
  readonly properties: UdevProperties;
}

/** Parses records that are separated by blank lines; lines of other kinds are passed over. */
export function parseUdevDatabase(text: string): UdevRecord[] {
  const records: UdevRecord[] = [];
  for (const block of text.split(/\n{2,}/u)) {
    const lines = block.split('\n');
    const devpath = lines.find((line) => line.startsWith('P: '))?.slice(3);
    if (devpath !== undefined) records.push({ devpath, properties: propertiesOf(lines) });
  }
  return records;
}

function propertiesOf(lines: readonly string[]): UdevProperties {
  const properties = new Map<string, string>();
  for (const line of lines) {
    const at = line.indexOf('=');
    if (line.startsWith('E: ') && at > 3) properties.set(line.slice(3, at), line.slice(at + 1));
  }
  return properties;
}

/** udev escapes what it keeps raw: `My\x20Passport` is `My Passport`, byte by byte. */
export function decodeUdevText(text: string): string {
  return text.replace(/(?:\\x[0-9a-f]{2})+/giu, (run) =>
    Buffer.from(run.replace(/\\x/giu, ''), 'hex').toString('utf8'),
  );
}

/**
 * What udev knows of the whole disks, by kernel name. Filled once from the database and kept current
 * by events, so that no process is needed when nothing changes. A failed reading leaves what was
 * known; each entry carries its `DISKSEQ`, so a stale one is never taken for another disk.
 */
export class UdevDatabase {
  readonly #disks = new Map<string, UdevProperties>();

  /** Throws `tool-failed`, `tool-timed-out` or `cancelled`. */
  async load(signal: AbortSignal): Promise<void> {
    const text = await runTool({ command: 'udevadm', args: ['info', '--export-db'] }, signal);
    for (const record of parseUdevDatabase(text)) this.#keep(record);
  }

  /** Takes an event's properties over. */
  apply(event: UdevEvent): void {
    if (event.source !== 'udev') return;
    if (event.action === 'remove') this.#disks.delete(basename(event.devpath));
    else this.#keep(event);
  }

  #keep(record: UdevRecord): void {
    const { properties } = record;
    if (properties.get('SUBSYSTEM') !== 'block' || properties.get('DEVTYPE') !== 'disk') return;
    this.#disks.set(basename(record.devpath), properties);
  }

  /** What is known of this attachment; `undefined` when that was another one. */
  propertiesOf(name: string, diskseq: number): UdevProperties | undefined {
    const properties = this.#disks.get(name);
    const stated = properties?.get('DISKSEQ');
    return stated === undefined || stated === String(diskseq) ? properties : undefined;
  }
}

import { type Range, type ReadRange, windowOf } from './bytes.ts';
import { bootContentOf, contentOf } from './content.ts';
import type { ContentKind, FoundVolume, PassedOver, VolumeNote, VolumeSource } from './contract.ts';
import { refuse } from './copy-status.ts';
import { type Gpt, readGpt } from './gpt.ts';
import { type LostPlace, lostNotes, sparing } from './lost-places.ts';
import { readMbr } from './mbr.ts';
import { systemPartition } from './partition-types.ts';

/**
 * The first data volume of a disk. Which table counts is decided as Windows does: a GPT where the
 * first sector protects one, a filesystem on the whole disk, then the old table. A disk that moved
 * between bridges can show its table at another sector size than it reports, so both are tried. A table
 * that cannot be read is like one that is damaged, as long as another one tells; no volume is passed over
 * for it.
 */

const SECTOR_BYTES = 512;

interface Partition extends Range {
  readonly number: number;
  readonly type: string | number;
  readonly insideDisk: boolean;
}

interface Table {
  readonly table: FoundVolume['table'];
  readonly partitions: readonly Partition[];
  readonly notes: readonly VolumeNote[];
}

/** Throws `volume-refused` with `BitLockerVolumeNotFound`, and what the source throws. */
export async function findVolume(source: VolumeSource): Promise<FoundVolume> {
  const lost: LostPlace[] = [];
  const table = await tableOf(source, lost);
  const found =
    table === undefined ? await withoutTable(source, lost) : await firstData(source, table, lost);
  return { ...found, notes: [...found.notes, ...lostNotes(lost)] };
}

async function withoutTable(source: VolumeSource, lost: LostPlace[]): Promise<FoundVolume> {
  const whole = { offsetBytes: 0, lengthBytes: source.sizeBytes };
  const content = await contentOf(windowOf(source, whole), lost);
  if (isData(content)) {
    return { table: 'none', partition: 0, ...whole, content, passedOver: [], notes: [] };
  }
  throw lost[0] ?? notFound('it has no partition table and no filesystem');
}

async function tableOf(source: VolumeSource, lost: LostPlace[]): Promise<Table | undefined> {
  const { sizeBytes, sectorBytes } = source;
  const read = windowOf(source, { offsetBytes: 0, lengthBytes: sizeBytes });
  const spare = sparing(read, lost);
  const first = await spare(0, SECTOR_BYTES);
  const mbr = first === undefined ? undefined : await readMbr(read, { sizeBytes, sectorBytes });
  const gpt = await anyGpt(source, spare);
  if (gpt !== undefined && mbr?.hasProtectiveEntry)
    return gptTable(source, gpt, mbr.partitions.length);
  if (first !== undefined && bootContentOf(first) !== undefined) return undefined;
  if (mbr !== undefined && mbr.partitions.length > 0) {
    return {
      table: 'mbr',
      partitions: mbr.partitions,
      notes: mbr.hasProtectiveEntry ? [hybrid()] : [],
    };
  }
  if (gpt === undefined) return undefined;
  const isWithoutFront = first === undefined && gpt.copy === 'backup';
  // Where the second sector reads and is no table, the one at the end may be that of a former life.
  if (isWithoutFront && (await spare(sectorBytes, SECTOR_BYTES)) !== undefined) throw lost[0];
  const { notes, ...table } = gptTable(source, gpt, 0);
  return { ...table, notes: first === undefined ? notes : [...notes, unprotected()] };
}

async function anyGpt(source: VolumeSource, read: ReadRange): Promise<Gpt | undefined> {
  const { sizeBytes } = source;
  const others = [512, 4096].filter((bytes) => bytes !== source.sectorBytes);
  for (const sectorBytes of [source.sectorBytes, ...others]) {
    const gpt = await readGpt(read, { sizeBytes, sectorBytes });
    if (gpt !== undefined) return gpt;
  }
  return undefined;
}

function gptTable(source: VolumeSource, gpt: Gpt, mbrPartitions: number): Table {
  const notes: VolumeNote[] = [];
  if (gpt.copy === 'backup') {
    const words =
      'the partition table is damaged or cannot be read; its backup at the end of the disk was used';
    notes.push({ code: 'backup-table-used', words });
  }
  if (gpt.sectorBytes !== source.sectorBytes) {
    const words = `the partition table is of a disk with sectors of ${gpt.sectorBytes} bytes, and this one reports ${source.sectorBytes}: it was probably taken out of its casing`;
    notes.push({ code: 'other-sector-size', words });
  }
  if (mbrPartitions > 0) notes.push(hybrid());
  const partitions = gpt.partitions.map(({ typeGuid, ...rest }) => ({ ...rest, type: typeGuid }));
  return { table: 'gpt', partitions, notes };
}

function hybrid(): VolumeNote {
  return { code: 'hybrid-table', words: 'the disk has a GPT and an older table beside it' };
}

function unprotected(): VolumeNote {
  return { code: 'no-protective-entry', words: 'nothing in the first sector protects the GPT' };
}

async function firstData(
  source: VolumeSource,
  { table, partitions, notes }: Table,
  lost: LostPlace[],
): Promise<FoundVolume> {
  const passedOver: PassedOver[] = [];
  for (const { number, type, insideDisk, offsetBytes, lengthBytes } of partitions) {
    const range = { offsetBytes, lengthBytes };
    const system = insideDisk ? systemPartition(type) : 'not inside the disk';
    const content =
      system === undefined ? await contentOf(windowOf(source, range), lost) : undefined;
    if (content !== undefined && isData(content)) {
      return { table, partition: number, ...range, content, passedOver, notes };
    }
    const reason = system ?? (content === 'blank' ? 'empty' : 'of unknown content');
    passedOver.push({ partition: number, reason });
  }
  throw notFound(whyNone(passedOver));
}

function isData(kind: ContentKind): boolean {
  return kind !== 'unknown' && kind !== 'blank';
}

function whyNone(passedOver: readonly PassedOver[]): string {
  if (passedOver.length === 0) return 'its partition table is empty';
  const each = passedOver.map(({ partition, reason }) => `partition ${partition} is ${reason}`);
  return each.slice(0, 8).join(', ');
}

function notFound(why: string) {
  const words = `the drive has no volume with data: ${why}`;
  return refuse({ status: 'BitLockerVolumeNotFound', words });
}

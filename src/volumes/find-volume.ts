import { type Range, type ReadRange, windowOf } from './bytes.ts';
import { type Content, contentOf } from './content.ts';
import type { FoundVolume, PassedOver, VolumeNote, VolumeSource } from './contract.ts';
import { refuse } from './copy-status.ts';
import { type Gpt, readGpt } from './gpt.ts';
import { readMbr } from './mbr.ts';
import { systemPartition } from './partition-types.ts';

/**
 * The first data volume of a disk. Which table counts is decided as Windows does: a GPT where the
 * first sector protects one, a filesystem on the whole disk, then the old table. A disk that moved
 * between bridges can show its table at another sector size than it reports, so both are tried.
 */

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
  const whole = { offsetBytes: 0, lengthBytes: source.sizeBytes };
  const read = windowOf(source, whole);
  const content = await contentOf(read);
  const table = await tableOf(source, read, content);
  if (table === undefined && isData(content)) {
    return {
      table: 'none',
      partition: 0,
      ...whole,
      content: content.kind,
      passedOver: [],
      notes: [],
    };
  }
  if (table === undefined) throw notFound('it has no partition table and no filesystem');
  return firstData(source, table);
}

async function tableOf(
  source: VolumeSource,
  read: ReadRange,
  content: Content,
): Promise<Table | undefined> {
  const { sizeBytes } = source;
  const mbr = await readMbr(read, { sizeBytes, sectorBytes: source.sectorBytes });
  const gpt = await anyGpt(source, read);
  if (gpt !== undefined && mbr?.hasProtectiveEntry)
    return gptTable(source, gpt, mbr.partitions.length);
  if (content.inBootSector) return undefined;
  if (mbr !== undefined && mbr.partitions.length > 0) {
    return {
      table: 'mbr',
      partitions: mbr.partitions,
      notes: mbr.hasProtectiveEntry ? [hybrid()] : [],
    };
  }
  if (gpt !== undefined) {
    const { notes, ...table } = gptTable(source, gpt, 0);
    return { ...table, notes: [...notes, unprotected()] };
  }
  return undefined;
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
    const words = 'the partition table is damaged; its backup at the end of the disk was used';
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
): Promise<FoundVolume> {
  const passedOver: PassedOver[] = [];
  for (const { number, type, insideDisk, offsetBytes, lengthBytes } of partitions) {
    const range = { offsetBytes, lengthBytes };
    const system = insideDisk ? systemPartition(type) : 'not inside the disk';
    const content = system === undefined ? await contentOf(windowOf(source, range)) : undefined;
    if (content !== undefined && isData(content)) {
      return { table, partition: number, ...range, content: content.kind, passedOver, notes };
    }
    const reason = system ?? (content?.kind === 'blank' ? 'empty' : 'of unknown content');
    passedOver.push({ partition: number, reason });
  }
  throw notFound(whyNone(passedOver));
}

function isData({ kind }: Content): boolean {
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

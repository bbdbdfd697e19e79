import { Readable } from 'node:stream';
import type { BlobContainer } from '../blobs/contract.ts';
import { decodeBlockId } from '../domain/block-id.ts';
import { type BlobPlan, blockCount, blockLength, type ImagePlan } from '../domain/plan.ts';
import type { DriveLogs, Verdict } from '../domain/verdict.ts';
import type { DriveLog } from '../formats/drive-log.ts';
import { rescueMapText } from '../formats/rescue-map.ts';
import { type CopiedBlock, driveLogOf } from '../formats/verdict-log.ts';
import type { BadPlaces } from './bad-places.ts';
import type { BlockSums } from './block-sums.ts';
import { type DriveLogsOrder, type LogFile, writeDriveLogs } from './log-writing.ts';
import type { ImageAssignment } from './messages.ts';

export interface LogParts extends Pick<DriveLogsOrder, 'openLogContainer' | 'now'> {
  readonly assignment: Pick<ImageAssignment, 'driveId' | 'logs' | 'plan' | 'storage'>;
  readonly plan: ImagePlan;
  /** The drive's blobs. */
  readonly container: BlobContainer;
  readonly sums: BlockSums;
  /** Absent where nothing was read of the disk. */
  readonly badPlaces?: Pick<BadPlaces, 'isKnown' | 'map' | 'standing' | 'nonce'>;
}

/**
 * Writes the logs of an image. They are made of the one verdict, block by block while they are sent. The
 * map of the disk's bad places lies beside them, also when all were read in the end. Throws what
 * `writeDriveLogs` throws.
 */
export async function writeLogs(
  verdict: Verdict,
  parts: LogParts,
  signal: AbortSignal,
): Promise<DriveLogs> {
  const { assignment, openLogContainer, now, badPlaces } = parts;
  const blobsIn = assignment.plan.container;
  const log = logOf(verdict, parts, signal);
  const beside = badPlaces?.isKnown === true ? [mapOf(badPlaces)] : [];
  const order = { assignment, log, beside, blobsIn, openLogContainer, now };
  return await writeDriveLogs(order, signal);
}

function mapOf(badPlaces: NonNullable<LogParts['badPlaces']>): LogFile {
  const file = { uri: 'rescueMapUri', kind: 'rescue', contentType: 'text/plain' } as const;
  return { ...file, text: () => Readable.from(rescueMapText(badPlaces)) };
}

function logOf(verdict: Verdict, parts: LogParts, signal: AbortSignal): DriveLog {
  const plans = new Map<string, BlobPlan>(parts.plan.blobs.map((blob) => [blob.name, blob]));
  return driveLogOf(verdict, {
    driveId: parts.assignment.driveId,
    container: parts.assignment.plan.container,
    blocksOf: ({ name }) => {
      const blob = plans.get(name);
      return blob === undefined ? [] : copiedBlocks(blob, parts, signal);
    },
  });
}

/** The planned blocks, with the ids that the store's committed list has in their places. */
async function* copiedBlocks(
  blob: BlobPlan,
  { container, sums }: LogParts,
  signal: AbortSignal,
): AsyncGenerator<CopiedBlock> {
  const { committed } = await container.listBlocks(blob.name, signal);
  for (let index = 0; index < blockCount(blob); index++) {
    const id = committed?.[index]?.id;
    const block = id === undefined ? undefined : decodeBlockId(id);
    const isOurs = block?.index === index;
    const md5 = sums.get(blob, index);
    yield {
      offset: index * blob.blockBytes,
      length: blockLength(blob, index),
      ...(isOurs && id !== undefined ? { id } : {}),
      isPartial: isOurs && (block.unreadableBytes ?? 0) > 0,
      ...(md5 === undefined ? {} : { md5 }),
    };
  }
}

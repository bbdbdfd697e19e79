import { Readable } from 'node:stream';
import type { BlobContainer } from '../blobs/contract.ts';
import { writeText } from '../blobs/write-text.ts';
import type { BlobName } from '../domain/blob-name.ts';
import { decodeBlockId } from '../domain/block-id.ts';
import { type BlobPlan, blockCount, blockLength, type ImagePlan } from '../domain/plan.ts';
import type { DriveLogs, Verdict } from '../domain/verdict.ts';
import { throwIfCancelled } from '../errors.ts';
import type { DriveLog } from '../formats/drive-log.ts';
import { errorsOnly } from '../formats/errors-only.ts';
import { logBlobName } from '../formats/log-name.ts';
import { type RescueFile, rescueMapText } from '../formats/rescue-map.ts';
import { type CopiedBlock, driveLogOf } from '../formats/verdict-log.ts';
import { LOG_BLOCK_BYTES } from '../limits.ts';
import type { BadPlaces } from './bad-places.ts';
import type { BlockSums } from './block-sums.ts';
import { logPlace } from './log-place.ts';
import { problemOfWriting } from './log-writing.ts';
import type { ImageAssignment } from './messages.ts';

export interface LogParts {
  readonly assignment: Pick<ImageAssignment, 'driveId' | 'logs' | 'plan' | 'storage'>;
  readonly plan: ImagePlan;
  /** The drive's blobs. */
  readonly container: BlobContainer;
  readonly sums: BlockSums;
  /** Absent where nothing was read of the disk. */
  readonly badPlaces?: Pick<BadPlaces, 'isKnown' | 'map' | 'standing' | 'nonce'>;
  /** Opens the container for logs, patient with outages as the one for blobs is. */
  openLogContainer(name: string): Promise<BlobContainer>;
  now(): Date;
}

/**
 * Writes the drive's error log and, when the job asks for it, the verbose log. Both are made of the
 * one verdict, block by block while they are sent.
 *
 * The verdict is about the customer's bytes, and they are safe by now: whatever becomes of the logs
 * changes nothing in it. A store that is away is waited for, as for any block. A refusal of the logs (a
 * credential that may not make their container, a path that is no name) ends here as `problem`, which is kept
 * beside the verdict and shown to people; failing the copy would not make the store give in, and
 * calling it `CompletedMoreInfo` would close the job for an error that its data does not have.
 *
 * Each log has a name of its own by its time, so none is ever replaced: an attempt that ends between
 * its logs and its last word leaves them beside those of the next one, and the job names the latter.
 * Throws `cancelled`, and what the store refuses of the drive's blobs as well.
 */
export async function writeLogs(
  verdict: Verdict,
  parts: LogParts,
  signal: AbortSignal,
): Promise<DriveLogs> {
  throwIfCancelled(signal);
  const log = logOf(verdict, parts, signal);
  const { container: logsIn, prefix } = logPlace(parts.assignment);
  const { openLogContainer, assignment, badPlaces } = parts;
  let logs: DriveLogs = {};
  const write = async (container: BlobContainer) => {
    const writeOf = (kind: 'error' | 'verbose', content: DriveLog) =>
      writeLog({ container, prefix, kind, content }, parts, signal);
    logs = { errorLogUri: await writeOf('error', errorsOnly(log)) };
    if (badPlaces?.isKnown === true) {
      const file = { container, prefix, content: badPlaces };
      logs = { ...logs, rescueMapUri: await writeMap(file, parts, signal) };
    }
    if (assignment.logs.level === 'Verbose') {
      logs = { ...logs, verboseLogUri: await writeOf('verbose', log) };
    }
  };
  const order = { logsIn, blobsIn: assignment.plan.container, openLogContainer, write };
  const problem = await problemOfWriting(order, signal);
  return problem === undefined ? logs : { ...logs, problem };
}

async function writeLog(
  to: { container: BlobContainer; prefix: string; kind: 'error' | 'verbose'; content: DriveLog },
  { assignment, now }: LogParts,
  signal: AbortSignal,
): Promise<string> {
  // Loaded only here: the XML library takes 20 MB, and the copy goes on for hours without it.
  const { driveLogXml } = await import('../formats/drive-log-writer.ts');
  const { driveId, logs } = assignment;
  const { container, kind, content } = to;
  const file = logBlobName({ jobName: logs.jobName, driveId, at: now(), kind });
  const name = `${to.prefix}${file}` as BlobName;
  const written = { contentType: 'application/xml', blockBytes: LOG_BLOCK_BYTES };
  await writeText(container, { name, text: driveLogXml(content), ...written }, signal);
  return container.urlOf(name);
}

/** The map of the disk's bad places, of those that were read in the end as well. */
async function writeMap(
  to: { container: BlobContainer; prefix: string; content: RescueFile },
  { assignment, now }: LogParts,
  signal: AbortSignal,
): Promise<string> {
  const { driveId, logs } = assignment;
  const file = logBlobName({ jobName: logs.jobName, driveId, at: now(), kind: 'rescue' });
  const name = `${to.prefix}${file}` as BlobName;
  const text = Readable.from(rescueMapText(to.content));
  const written = { contentType: 'text/plain', blockBytes: LOG_BLOCK_BYTES };
  await writeText(to.container, { name, text, ...written }, signal);
  return to.container.urlOf(name);
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

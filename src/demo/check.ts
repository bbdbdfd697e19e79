import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { StorageAccount } from '../blobs/contract.ts';
import { openContainer } from '../blobs/open.ts';
import type { BlobName } from '../domain/blob-name.ts';
import type { StationView } from '../serve/wire.ts';
import { blobOf, DEMO_DISKS, DEMO_JOB, type DemoDisk, listedDisks, type Scene } from './scene.ts';

export interface Finding {
  readonly ok: boolean;
  readonly words: string;
}

/** Downloads every blob and compares it with its image; then the states and the extra disk. */
export async function checkEverything(
  view: StationView,
  { scene, account, strangerReads }: CheckParts,
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const disk of listedDisks()) {
    findings.push(checkState(view, disk));
    findings.push(await checkDigest(disk, { scene, account }, signal));
  }
  findings.push(...(await checkPrepared(view, { scene, account }, signal)));
  const job = view.jobs.find(({ name }) => name === DEMO_JOB);
  const packaging = job?.state === 'Packaging' && job.percentComplete === 100;
  findings.push({
    ok: packaging,
    words: `job ${DEMO_JOB}: ${job?.state ?? 'missing'}, ${job?.percentComplete ?? 0} %`,
  });
  findings.push(checkStranger(view, strangerReads));
  return findings;
}

export interface CheckParts {
  readonly scene: Scene;
  readonly account: StorageAccount;
  /** Reads that the kernel counted on the disk of no list since it was plugged in. */
  readonly strangerReads: number;
}

function checkState(view: StationView, { serial }: { readonly serial: string }): Finding {
  const drive = view.drives.find(({ driveId }) => driveId === serial);
  const reason = drive?.verdict?.reasons[0]?.words ?? drive?.fault?.reason ?? '';
  return { ok: drive?.state === 'Completed', words: `${serial}: ${drive?.state}. ${reason}` };
}

async function checkDigest(
  disk: DemoDisk,
  { scene, account }: Pick<CheckParts, 'scene' | 'account'>,
  signal: AbortSignal,
): Promise<Finding> {
  const { container, name } = blobOf(disk);
  const store = await openContainer(account, container);
  const image = await sha256(createReadStream(scene.imageOf(disk)));
  const blob = await sha256(store.read(name as BlobName, signal));
  const words = `${container}/${name}: SHA-256 ${blob}`;
  return image === blob
    ? { ok: true, words: `${words}, as the image` }
    : { ok: false, words: `${words}, but the image has ${image}` };
}

/** The prepared drive: each blob that its manifest promises, with its bytes and what goes with them. */
async function checkPrepared(
  view: StationView,
  { scene, account }: Pick<CheckParts, 'scene' | 'account'>,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { prepared } = scene;
  if ('missing' in prepared) return [];
  const findings = [checkState(view, { serial: prepared.job.driveId })];
  for (const blob of prepared.blobs) {
    const slash = blob.blobPath.indexOf('/');
    const store = await openContainer(account, blob.blobPath.slice(0, slash));
    const name = blob.blobPath.slice(slash + 1) as BlobName;
    const { type, metadata } = await store.properties(name, signal);
    const md5 = await digestOf('md5', store.read(name, signal));
    const told = Object.entries(blob.metadata).every(
      ([key, value]) => metadata[key.toLowerCase()] === value,
    );
    const ok = md5 === blob.md5.toLowerCase() && type === blob.kind && told;
    findings.push({ ok, words: `${blob.blobPath}: ${type} blob, MD5 ${md5}, metadata as written` });
  }
  return findings;
}

function sha256(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  return digestOf('sha256', chunks);
}

async function digestOf(
  algorithm: 'md5' | 'sha256',
  chunks: AsyncIterable<Uint8Array>,
): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

function checkStranger(view: StationView, reads: number): Finding {
  const stranger = DEMO_DISKS.find(({ name }) => name === 'stranger');
  const match = view.disks.find(({ serial }) => serial === stranger?.serial)?.match;
  const words = `${stranger?.serial}: ${match?.kind ?? 'not seen'}, ${reads} reads by the kernel's count`;
  return { ok: match?.kind === 'extra' && reads === 0, words };
}

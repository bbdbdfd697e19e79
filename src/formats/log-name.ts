import { safeSegment } from '../domain/blob-name.ts';

/**
 * `files` is the table of a tree's files, a CSV, and `rescue` the map of a disk's bad places; the others
 * are XML, as the service has them.
 */
export const LOG_KINDS = ['error', 'verbose', 'manifest', 'files', 'rescue'] as const;
export type LogKind = (typeof LOG_KINDS)[number];

export interface LogName {
  readonly jobName: string;
  readonly driveId: string;
  /** Each log has its own, so that the logs of two attempts never meet. */
  readonly at: Date;
  readonly kind: LogKind;
}

/** The folder below the place of the logs that every job's logs lie in. */
const FOLDER = 'waies/';
const NAME =
  /^(?<job>.+)_(?<drive>[^_]+)_(?<y>\d{4})(?<m>\d\d)(?<d>\d\d)-(?<h>\d\d)(?<min>\d\d)(?<s>\d\d)-(?<ms>\d{3})_(?<kind>\w+)\.(?<ending>xml|csv|map)$/u;

/**
 * The name of a log below its place: `waies/<job>_<driveid>_<yyyyMMdd-HHmmss-fff>_<kind>.xml`, in UTC;
 * of a table `.csv`, of a map `.map`.
 * Job and serial are made safe as in any blob name. Names are split from the right, because a job's
 * name may contain `_`; a serial's `_` is therefore written as `~5F`.
 */
export function logBlobName({ jobName, driveId, at, kind }: LogName): string {
  const drive = safeSegment(driveId).replaceAll('_', '~5F');
  return `${FOLDER}${safeSegment(jobName)}_${drive}_${timestamp(at)}_${kind}.${endingOf(kind)}`;
}

/** What a log's name says, whatever stands before its last slash; `undefined`: not a log's name. */
export function splitLogName(name: string): LogName | undefined {
  const found = NAME.exec(name.slice(name.lastIndexOf('/') + 1))?.groups;
  if (found === undefined) return undefined;
  const { job = '', drive = '', y, m, d, h, min, s, ms } = found;
  const kind = LOG_KINDS.find((known) => known === found.kind);
  const at = new Date(`${y}-${m}-${d}T${h}:${min}:${s}.${ms}Z`);
  const [jobName, driveId] = [unescaped(job), unescaped(drive)];
  if (kind === undefined || found.ending !== endingOf(kind)) return undefined;
  if (jobName === undefined || driveId === undefined) return undefined;
  // A date that does not exist, such as 31 February, is another one or none.
  if (Number.isNaN(at.getTime()) || !name.includes(timestamp(at))) return undefined;
  return { jobName, driveId, at, kind };
}

function endingOf(kind: LogKind): string {
  if (kind === 'files') return 'csv';
  return kind === 'rescue' ? 'map' : 'xml';
}

function timestamp(at: Date): string {
  const [date = '', time = ''] = at.toISOString().replace('Z', '').split('T');
  return `${date.replaceAll('-', '')}-${time.replaceAll(':', '').replace('.', '-')}`;
}

/** Undoes the escapes of `safeSegment`; `undefined` when they do not make up text. */
function unescaped(segment: string): string | undefined {
  const bytes: number[] = [];
  for (const part of segment.match(/~[0-9A-F]{2}|[^~]/gsu) ?? []) {
    if (part.startsWith('~')) bytes.push(Number.parseInt(part.slice(1), 16));
    else bytes.push(...new TextEncoder().encode(part));
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from(bytes),
    );
  } catch {
    return undefined;
  }
}

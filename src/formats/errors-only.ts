import type { DriveLog, LogBlob, LogRanges, LogSideFile, Many } from './drive-log.ts';

/**
 * The error log of a verbose one: only the blobs with errors or warnings, and inside a blob only what
 * did not go well; a list of ranges stays, if empty. Tools that repair a job depend on the error log
 * naming exactly the failing ranges. A disposition other than `Created` is a warning.
 *
 * It reads from the log as it is read from, and can be read as often as that.
 */
export function errorsOnly<Status extends string>(log: DriveLog<Status>): DriveLog<Status> {
  const blobs = { [Symbol.asyncIterator]: () => failingBlobs(log.blobs) };
  return { driveId: log.driveId, blobs, status: log.status };
}

async function* failingBlobs<Status extends string>(
  blobs: Many<LogBlob<Status>>,
): AsyncGenerator<LogBlob<Status>> {
  for await (const blob of blobs) if (isWorthTelling(blob)) yield failingParts(blob);
}

function isWorthTelling(blob: LogBlob<string>): boolean {
  const warned = blob.disposition !== undefined && blob.disposition.status !== 'Created';
  return blob.status !== 'Completed' || warned;
}

function failingParts<Status extends string>(blob: LogBlob<Status>): LogBlob<Status> {
  const { ranges, metadata, properties, ...head } = blob;
  return {
    ...head,
    ...(ranges === undefined ? {} : { ranges: failingRanges(ranges) }),
    ...(hasFailed(metadata) ? { metadata } : {}),
    ...(hasFailed(properties) ? { properties } : {}),
  };
}

function hasFailed(file: LogSideFile | undefined): file is LogSideFile {
  return file !== undefined && file.status !== 'Completed';
}

function failingRanges(ranges: LogRanges): LogRanges {
  return ranges.kind === 'pages'
    ? { kind: 'pages', list: notCompleted(ranges.list) }
    : { kind: 'blocks', list: notCompleted(ranges.list) };
}

async function* notCompleted<T extends { readonly status: string }>(
  list: Many<T>,
): AsyncGenerator<T> {
  for await (const range of list) if (range.status !== 'Completed') yield range;
}

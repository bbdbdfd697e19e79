import { DRIVE_STATUSES, type DriveStatus } from '../../src/domain/copy-status.ts';
import { parseDigest } from '../../src/domain/digest.ts';
import { DISPOSITION_STATUSES, DISPOSITIONS } from '../../src/domain/import-disposition.ts';
import { StationError } from '../../src/errors.ts';
import {
  BLOB_STATUSES,
  DRIVE_LOG_VERSION,
  type DriveLog,
  type LogBlob,
  type LogBlock,
  type LogPath,
  type LogRanges,
  type LogSideFile,
  type Many,
  RANGE_STATUSES,
  SIDE_FILE_STATUSES,
} from '../../src/formats/drive-log.ts';
import { readXml, type XmlItem } from '../../src/formats/xml-reader.ts';

/** What version 2018-10-01 (Data Box Disk, later Import/Export) puts into a blob's status. */
const BLOB_CATEGORIES_2018 = [
  'Completed',
  'Renamed',
  'CompletedWithErrors',
  'Corrupted',
  'StorageRequestFailed',
  'LeasePresent',
  'StorageRequestForbidden',
  'ManagedDiskCreationTerminalFailure',
  'DiskConversionNotStartedTierInfoMissing',
  'InvalidWorkitem',
  'InvalidPageBlobUploadAsBlockBlob',
  'InvalidAzureFileUploadAsBlockBlob',
  'InvalidManagedDiskUploadAsBlockBlob',
  'InvalidManagedDiskUploadAsPageBlob',
  'MovedToOverflowShare',
  'MovedToDefaultAzureShare',
  'ContainerRenamed',
  'ShareRenamed',
  'BlobRenamed',
  'FileRenamed',
  'DiskRenamed',
] as const;
export type BlobCategory2018 = (typeof BLOB_CATEGORIES_2018)[number];

/** A log that is being read. Its blobs can be gone through once. */
export type ReadDriveLog =
  | (DriveLog & { readonly version: typeof DRIVE_LOG_VERSION | undefined })
  | (DriveLog<BlobCategory2018> & { readonly version: '2018-10-01' });

/**
 * Reads a drive log as it comes, one blob in memory at a time: versions 2014-11-01 and older, and the
 * blobs of 2018-10-01 (its summary and its Azure Files are passed over). Tolerant where the published
 * samples are: a blank before a hash, empty lists, a failed side file without a path, any order within
 * a blob, no version, elements and attributes of no known name. Not tolerant where a mistake would
 * send a repair astray: a status that is not in the grammar, a number that is none, a log cut short.
 *
 * Throws `xml-invalid` with the place of what is wrong, here or while the blobs are gone through.
 * `status()` throws it too when the blobs were not gone through to the end.
 */
export async function readDriveLog(chunks: Many<Uint8Array | string>): Promise<ReadDriveLog> {
  const items = readXml(chunks);
  const root = await take(items);
  if (root?.name !== 'DriveLog') throw invalid(root, 'this is not a DriveLog');
  const first = await take(items);
  if (first?.name !== 'DriveId')
    throw invalid(first ?? root, 'the log does not begin with DriveId');
  const driveId = first.text.trim();
  const version = root.attributes.get('Version');
  let found: DriveStatus | undefined;
  const end = (status: DriveStatus) => {
    found = status;
  };
  const status = () => {
    if (found === undefined) throw invalid(root, 'the drive has no Status yet');
    return found;
  };
  if (version === '2018-10-01') {
    return { version, driveId, blobs: blobsOf(items, BLOB_CATEGORIES_2018, end), status };
  }
  if (version !== undefined && version !== DRIVE_LOG_VERSION) {
    throw invalid(root, `version ${version} of the log is not known`);
  }
  return { version, driveId, blobs: blobsOf(items, BLOB_STATUSES, end), status };
}

async function take(items: AsyncGenerator<XmlItem>): Promise<XmlItem | undefined> {
  const next = await items.next();
  return next.done ? undefined : next.value;
}

async function* blobsOf<Status extends string>(
  items: AsyncGenerator<XmlItem>,
  statuses: readonly Status[],
  end: (status: DriveStatus) => void,
): AsyncGenerator<LogBlob<Status>> {
  let last: XmlItem | undefined;
  for await (const item of items) {
    if (last?.name === 'Status') throw invalid(item, `${item.name} after Status`);
    last = item;
    if (item.name === 'Blob') yield blobOf(item, statuses);
    if (item.name === 'Status') end(oneOf(DRIVE_STATUSES, item.text.trim(), item));
  }
  if (last?.name !== 'Status') throw invalid(last, 'the log ends without a Status');
}

function blobOf<Status extends string>(
  item: XmlItem,
  statuses: readonly Status[],
): LogBlob<Status> {
  const child = (name: string) => item.children.find((each) => each.name === name);
  const needed = (...names: string[]) => {
    const found = names.map(child).find((each) => each !== undefined);
    if (found === undefined) throw invalid(item, `a Blob without ${names[0]}`);
    return found;
  };
  const snapshot = child('Snapshot');
  const lastModified = child('LastModified');
  const disposition = child('ImportDisposition');
  const length = needed('Length', 'SizeInBytes');
  return {
    status: oneOf(statuses, item.attributes.get('Status'), item),
    blobPath: needed('BlobPath').text,
    filePath: needed('FilePath', 'OriginalFilePath').text,
    ...(snapshot === undefined ? {} : { snapshot: snapshot.text }),
    length: numberOf(length.text.trim(), length),
    ...(lastModified === undefined ? {} : { lastModified: lastModified.text.trim() }),
    ...(disposition === undefined ? {} : { disposition: dispositionOf(disposition) }),
    ...rangesOf(child('PageRangeList'), child('BlockList')),
    ...sideFiles(child('Metadata'), child('Properties')),
  };
}

function dispositionOf(item: XmlItem) {
  const value = oneOf(DISPOSITIONS, item.text.trim(), item);
  return { value, status: oneOf(DISPOSITION_STATUSES, item.attributes.get('Status'), item) };
}

function rangesOf(
  pages: XmlItem | undefined,
  blocks: XmlItem | undefined,
): { readonly ranges?: LogRanges } {
  if (pages !== undefined && blocks !== undefined) {
    throw invalid(blocks, 'a Blob with both a BlockList and a PageRangeList');
  }
  const named = (list: XmlItem, name: string) =>
    list.children.filter((each) => each.name === name).map(rangeOf);
  if (pages !== undefined) return { ranges: { kind: 'pages', list: named(pages, 'PageRange') } };
  if (blocks !== undefined) return { ranges: { kind: 'blocks', list: named(blocks, 'Block') } };
  return {};
}

function rangeOf(item: XmlItem): LogBlock {
  const id = item.attributes.get('Id');
  return {
    offset: numberOf(item.attributes.get('Offset'), item),
    length: numberOf(item.attributes.get('Length'), item),
    ...(id === undefined ? {} : { id }),
    ...hashOf(item),
    status: oneOf(RANGE_STATUSES, item.attributes.get('Status'), item),
  };
}

function sideFiles(metadata: XmlItem | undefined, properties: XmlItem | undefined) {
  return {
    ...(metadata === undefined ? {} : { metadata: sideFileOf(metadata) }),
    ...(properties === undefined ? {} : { properties: sideFileOf(properties) }),
  };
}

function sideFileOf(item: XmlItem): LogSideFile {
  const pathOf = (name: string): LogPath | undefined => {
    const found = item.children.find((each) => each.name === name);
    return found && { path: found.text, ...hashOf(found) };
  };
  const [globalPath, path] = [pathOf('GlobalPath'), pathOf('Path')];
  return {
    status: oneOf(SIDE_FILE_STATUSES, item.attributes.get('Status'), item),
    ...(globalPath === undefined ? {} : { globalPath }),
    ...(path === undefined ? {} : { path }),
  };
}

function hashOf(item: XmlItem): { readonly hash?: string } {
  const text = item.attributes.get('Hash');
  if (text === undefined) return {};
  const digest = parseDigest(text);
  if (digest === undefined) throw invalid(item, `${shown(text.trim())} is not a hash in hex`);
  return { hash: digest.hex };
}

function numberOf(text: string | undefined, item: XmlItem): number {
  const value = /^\d{1,16}$/u.test(text ?? '') ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw invalid(item, `${shown(text)} is not a number of bytes`);
  return value;
}

function oneOf<T extends string>(known: readonly T[], text: string | undefined, item: XmlItem): T {
  const found = known.find((each) => each === text);
  if (found === undefined) throw invalid(item, `${item.name} says ${shown(text)}`);
  return found;
}

const SHOWN_LENGTH = 60;

function shown(text: string | undefined): string {
  return text === undefined ? 'nothing' : JSON.stringify(text.slice(0, SHOWN_LENGTH));
}

function invalid(item: XmlItem | undefined, problem: string): StationError<'xml-invalid'> {
  const line = item?.line ?? 1;
  return new StationError('xml-invalid', `line ${line}: ${problem}`, { line, problem });
}

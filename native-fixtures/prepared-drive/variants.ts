import type { DriveStatus } from '../../src/domain/copy-status.ts';
import type { DispositionStatus } from '../../src/domain/import-disposition.ts';
import type { BlobStatus, RangeStatus, SideFileStatus } from '../../src/formats/drive-log.ts';
import {
  append,
  blob,
  bytes,
  create,
  cutTo,
  damagedMetadata,
  disk,
  drive,
  files,
  firstList,
  folderInstead,
  inBlob,
  job,
  junctionInstead,
  linkInstead,
  move,
  overwrite,
  remove,
  replace,
  volume,
  wiped,
  xml,
} from './breakage.ts';
import type { Breakage } from './build.ts';
import { type BlobKey, fileOf } from './standard.ts';

/**
 * The standard drive, broken in one place at a time, with what the copy log has to say of it. The
 * words are those of the service ("Import/Export service log file format", Microsoft Learn); where it
 * is silent, the comment beside the entry says what was decided.
 */

/** Where the drive differs from one that is whole: its manifest and job, its files, or all of it. */
export type Level = 'manifest' | 'files' | 'volume';

export interface ExpectedStatuses {
  readonly drive: DriveStatus;
  /** The blobs of which the log says anything but `Completed` and `Created`. */
  readonly blobs?: { readonly [Key in BlobKey]?: BlobOutcome };
}

export interface BlobOutcome {
  readonly status: BlobStatus;
  /** `Created` unless given. */
  readonly disposition?: DispositionStatus;
  /** One status for all ranges, or by their index those that are not as good as they can be. */
  readonly ranges?: RangeStatus | Readonly<Record<number, RangeStatus>>;
  readonly metadata?: SideFileStatus;
  readonly properties?: SideFileStatus;
}

export interface Variant {
  readonly name: string;
  /** What is broken, in words. */
  readonly broken: string;
  readonly level: Level;
  readonly breakage: Breakage;
  readonly expected: ExpectedStatuses;
  /** Blobs of this name are in the store before the copy, with bytes of their own. */
  readonly taken?: readonly BlobKey[];
}

const whole: ExpectedStatuses = { drive: 'Completed' };
const only = (status: DriveStatus): ExpectedStatuses => ({ drive: status });
const errors = (blobs: NonNullable<ExpectedStatuses['blobs']>): ExpectedStatuses => ({
  drive: 'CompletedWithErrors',
  blobs,
});
const lost = (status: BlobStatus): BlobOutcome => ({
  status,
  disposition: 'Cancelled',
  ranges: 'Cancelled',
});
const ranges = (found: Record<number, RangeStatus>): BlobOutcome => ({
  status: 'CompletedWithErrors',
  ranges: found,
});
const side = (found: Pick<BlobOutcome, 'metadata' | 'properties'>): BlobOutcome => ({
  status: 'CompletedWithErrors',
  ...found,
});
const taken = (key: BlobKey, disposition: DispositionStatus): ExpectedStatuses => ({
  drive: 'CompletedWithWarnings',
  blobs: { [key]: { status: 'Completed', disposition } },
});

type Row = readonly [name: string, broken: string, breakage: Breakage, expected: ExpectedStatuses];

const FORMAT = only('ManifestFormatInvalid');
const NUMBERED = fileOf('numbered');
const HASHED = fileOf('hashed');
const PAGES = fileOf('pages');
const DESCRIBED = fileOf('described');
const MANIFEST = '\\DriveManifest.xml';
const NO_HASH = '0'.repeat(32);
const WRONG_KEY = '000000-000011-000022-000033-000044-000055-000066-000077';

// biome-ignore format: one variant a line
const MANIFEST_ROWS: readonly Row[] = [
  ['whole', 'nothing', {}, whole],
  ['sha256', 'nothing: the newest tools hash with SHA-256', drive({ hash: 'sha256' }), whole],
  ['no-credential', 'nothing: the newest tools write no key', replace(/<StorageAccountKey>.*<\/StorageAccountKey>/u, ''), whole],
  ['sas', 'nothing: a SAS instead of a key', replace(/<StorageAccountKey>.*<\/StorageAccountKey>/u, '<ContainerSas>pictures?sv=1&amp;sig=x</ContainerSas>'), whole],
  ['old-version', 'nothing: the version of old exports', replace('2014-11-01', '2011-10-01'), whole],
  ['utf16', 'nothing: saved by a Windows editor', bytes((given) => Buffer.from(`\ufeff${given.toString().replace('utf-8', 'utf-16')}`, 'utf16le')), whole],
  ['crlf', 'nothing: line ends of Windows', xml((text) => text.replaceAll('\n', '\r\n')), whole],
  ['blank-before-hash', 'nothing: as in the published samples', inBlob('numbered', 'Hash="', 'Hash=" '), whole],
  ['extra-list', 'nothing: a list without blobs', replace('</Drive>', '<BlobList/></Drive>'), whole],
  ['newest-name', 'nothing: the manifest is named as the newest tools do', drive({ manifestPath: '\\8a0c23f7-14b7-470a-9633-fcd46590a1bc.manifest' }), whole],
  ['wrong-hash', 'the job has another hash of the manifest', job({ manifestHash: NO_HASH }), only('ManifestCorrupted')],
  ['sha256-for-md5', 'the job has a hash of another algorithm', job({ manifestHash: NO_HASH.repeat(2) }), only('ManifestCorrupted')],
  ['wrong-serial', 'the manifest is of another drive', replace('WD-WX71A8899999', 'WD-WX71A8800000'), only('ManifestDriveIdMismatch')],
  ['serial-in-small-letters', 'nothing: serials are compared without case', replace('WD-WX71A8899999', 'wd-wx71a8899999'), whole],
  ['empty-manifest', 'the manifest has no bytes', bytes(() => Buffer.alloc(0)), FORMAT],
  ['zeroed-manifest', 'the manifest has become zeros', bytes((given) => Buffer.alloc(given.length)), FORMAT],
  ['truncated-manifest', 'the manifest ends in the middle, and was hashed so', bytes((given) => given.subarray(0, given.length / 2)), FORMAT],
  ['another-document', 'the manifest is a copy log', xml(() => '<DriveLog><DriveId>a</DriveId><Status>Completed</Status></DriveLog>'), FORMAT],
  ['no-drive-id', 'the manifest has no DriveId', replace(/<DriveId>.*<\/DriveId>/u, ''), FORMAT],
  ['two-credentials', 'the manifest has a key and a SAS', replace('</StorageAccountKey>', '</StorageAccountKey><ContainerSas>a</ContainerSas>'), FORMAT],
  ['doctype', 'the manifest has a DOCTYPE with an entity', replace('<DriveManifest', '<!DOCTYPE DriveManifest [<!ENTITY x SYSTEM "file:///etc/passwd">]><DriveManifest'), FORMAT],
  ['unknown-element', 'the manifest has an element of no known name', inBlob('numbered', '<Length>', '<Encoding>1</Encoding><Length>'), FORMAT],
  ['no-file-path', 'a blob has no file', inBlob('numbered', /<FilePath>.*<\/FilePath>/u, ''), FORMAT],
  ['no-ranges', 'a blob has neither blocks nor pages', inBlob('numbered', /<BlockList>[\s\S]*?<\/BlockList>/u, ''), FORMAT],
  ['container-in-capitals', 'a blob path names no container that can be', inBlob('numbered', '>pictures/', '>Pictures/'), FORMAT],
  ['way-up', 'a blob path leads out of its container', inBlob('numbered', 'animals/', '../animals/'), FORMAT],
  ['length-differs', 'a length is not that of the blocks', inBlob('numbered', '<Length>70000<', '<Length>70001<'), FORMAT],
  ['gap', 'a block is missing', inBlob('numbered', /<Block [^>]*\/>/u, ''), FORMAT],
  ['overlap', 'two page ranges overlap', inBlob('pages', 'Offset="524288"', 'Offset="512"'), FORMAT],
  ['misaligned', 'a page range lies between pages', inBlob('pages', 'Offset="524288"', 'Offset="524289"'), FORMAT],
  ['unequal-ids', 'the ids of a blob are not equally long', inBlob('numbered', 'AQAAAA==', 'AQAAAAAAAAA='), FORMAT],
  ['short-hash', 'a hash lacks a digit', inBlob('numbered', /Hash="./u, 'Hash="'), FORMAT],
  ['unknown-disposition', 'a disposition is in capitals', inBlob('hashed', 'overwrite<', 'Overwrite<'), FORMAT],
  ['manifest-not-there', 'the job names another file', job({ manifestFile: '\\Manifest.xml' }), only('ManifestNotFound')],
  ['manifest-folder-not-there', 'the job names a folder that is not there', job({ manifestFile: '\\a\\DriveManifest.xml' }), only('ManifestNotFound')],
  ['manifest-without-name', 'the job names no file', job({ manifestFile: '' }), only('ManifestNameInvalid')],
  ['manifest-with-letter', 'the job names a drive letter', job({ manifestFile: 'F:\\DriveManifest.xml' }), only('ManifestNameInvalid')],
  ['manifest-stream', 'the job names an alternate stream', job({ manifestFile: '\\DriveManifest.xml:a' }), only('ManifestNameInvalid')],
  ['manifest-way-up', 'the job’s path has a way up in it', job({ manifestFile: '\\session1\\..\\DriveManifest.xml' }), only('ManifestNameInvalid')],
  ['manifest-long-name', 'the job names more than NTFS can', job({ manifestFile: `\\${'a'.repeat(256)}` }), only('ManifestNameTooLong')],
  ['manifest-is-folder', 'the job names a folder', job({ manifestFile: '\\session1' }), only('ManifestAccessDenied')],
  ['manifest-other-case', 'nothing: NTFS finds a name in any case', job({ manifestFile: '\\drivemanifest.XML' }), whole],
  ['manifest-without-slash', 'nothing: paths are relative to the drive', job({ manifestFile: 'DriveManifest.xml' }), whole],
];

// biome-ignore format: one variant a line
const FILE_ROWS: readonly Row[] = [
  ['manifest-changed', 'the manifest was edited after it was hashed', files(append(MANIFEST, ' ')), only('ManifestCorrupted')],
  ['manifest-cut', 'the manifest ends in the middle', files(cutTo(MANIFEST, 1000)), only('ManifestCorrupted')],
  ['manifest-is-link', 'the manifest is a link', files(move(MANIFEST, '\\real.xml'), create(MANIFEST, ''), linkInstead(MANIFEST, 'real.xml')), only('ManifestAccessDenied')],
  ['missing-file', 'a file is not there', files(remove(NUMBERED)), errors({ numbered: lost('FileNotFound') })],
  ['missing-pages', 'the file of a page blob is not there', files(remove(PAGES)), errors({ pages: lost('FileNotFound') })],
  ['missing-folder', 'a folder with a file is not there', files(move('\\session1\\animals', '\\session1\\pets')), errors({ numbered: lost('FileNotFound') })],
  ['two-missing', 'two files are not there', files(remove(NUMBERED), remove(HASHED)), errors({ numbered: lost('FileNotFound'), hashed: lost('FileNotFound') })],
  ['other-case', 'nothing: the file’s name is in another case', files(move(NUMBERED, '\\session1\\animals\\KOALA.JPG')), whole],
  ['file-is-folder', 'a file is a folder', files(folderInstead(NUMBERED)), errors({ numbered: lost('FileAccessDenied') })],
  ['file-is-link', 'a file is a link to another', files(linkInstead(NUMBERED, '../wild/canyon.raw')), errors({ numbered: lost('FileAccessDenied') })],
  ['link-to-host', 'a file is a link to a file of the station', files(linkInstead(NUMBERED, '/etc/passwd')), errors({ numbered: lost('FileAccessDenied') })],
  ['symlink-loop', 'a folder is a link to itself', files(linkInstead('\\session1\\animals', 'animals')), errors({ numbered: lost('FileAccessDenied') })],
  ['junction', 'a folder is a junction to another', files(move('\\session1\\animals', '\\session1\\pets'), create('\\session1\\animals', ''), junctionInstead('\\session1\\animals', 'C:\\session1\\pets')), errors({ numbered: lost('FileAccessDenied') })],
  ['path-with-stream', 'a file path names an alternate stream', inBlob('numbered', 'koala.jpg</FilePath>', 'koala.jpg:a</FilePath>'), errors({ numbered: lost('FileNameInvalid') })],
  ['path-with-letter', 'a file path has a drive letter', inBlob('numbered', '<FilePath>', '<FilePath>C:'), errors({ numbered: lost('FileNameInvalid') })],
  ['path-way-up', 'a file path has a way up in it', inBlob('numbered', '<FilePath>', '<FilePath>\\..'), errors({ numbered: lost('FileNameInvalid') })],
  ['path-of-device', 'a file path names a device of Windows', inBlob('numbered', 'koala.jpg</FilePath>', 'CON</FilePath>'), errors({ numbered: lost('FileNameInvalid') })],
  ['path-empty', 'a file path is empty', inBlob('numbered', /<FilePath>.*<\/FilePath>/u, '<FilePath/>'), errors({ numbered: lost('FileNameInvalid') })],
  ['path-too-long', 'a file path is longer than NTFS allows', inBlob('numbered', 'koala.jpg</FilePath>', `${'a'.repeat(256)}</FilePath>`), errors({ numbered: lost('FileNameTooLong') })],
  ['changed-first-block', 'the first block was changed', files(overwrite(NUMBERED, 0, 'changed')), errors({ numbered: ranges({ 0: 'Corrupted' }) })],
  ['changed-last-block', 'the last byte was changed', files(overwrite(NUMBERED, 69_999, '\0')), errors({ numbered: ranges({ 2: 'Corrupted' }) })],
  ['changed-large-block', 'a block of 4 MiB was changed', files(overwrite(HASHED, 5_000_000, 'changed')), errors({ hashed: ranges({ 1: 'Corrupted' }) })],
  ['changed-pages', 'a page range was changed', files(overwrite(PAGES, 524_288, 'changed')), errors({ pages: ranges({ 1: 'Corrupted' }) })],
  // What no range covers, nobody speaks of: it is not read.
  ['changed-hole', 'nothing: bytes between the page ranges were changed', files(overwrite(PAGES, 262_144, 'changed')), whole],
  ['changed-unnamed', 'a block of a blob without ids was changed', files(overwrite(DESCRIBED, 4500, 'changed')), errors({ described: ranges({ 1: 'Corrupted' }) })],
  ['wrong-block-hash', 'the manifest has another hash of a block', inBlob('numbered', /Hash="[0-9A-F]{32}"/u, `Hash="${NO_HASH}"`), errors({ numbered: ranges({ 0: 'Corrupted' }) })],
  ['shorter-file', 'a file ends in its second block', files(cutTo(NUMBERED, 40_000)), errors({ numbered: ranges({ 1: 'FileUnexpectedEnd', 2: 'FileUnexpectedEnd' }) })],
  ['shorter-by-one', 'a file lacks its last byte', files(cutTo(NUMBERED, 69_999)), errors({ numbered: ranges({ 2: 'FileUnexpectedEnd' }) })],
  ['emptied-file', 'a file has no bytes any more', files(cutTo(NUMBERED, 0)), errors({ numbered: ranges({ 0: 'FileUnexpectedEnd', 1: 'FileUnexpectedEnd', 2: 'FileUnexpectedEnd' }) })],
  ['shorter-pages', 'the file of a page blob ends early', files(cutTo(PAGES, 1_048_576)), errors({ pages: ranges({ 2: 'FileUnexpectedEnd', 3: 'FileUnexpectedEnd' }) })],
  // The bytes that the customer hashed are all there and unchanged; those behind them were not promised.
  ['grown-file', 'nothing: a file has more bytes than the manifest says', files(append(NUMBERED, 'more')), whole],
  ['grown-empty', 'nothing: a file that was empty has bytes', files(append(fileOf('empty'), 'more')), whole],
  ['missing-metadata', 'a metadata file is not there', files(remove(`${DESCRIBED}.metadata`)), errors({ described: side({ metadata: 'FileNotFound' }) })],
  ['missing-properties', 'a properties file is not there', files(remove(`${DESCRIBED}.properties`)), errors({ described: side({ properties: 'FileNotFound' }) })],
  ['missing-both', 'both side files are not there', files(remove(`${DESCRIBED}.metadata`), remove(`${DESCRIBED}.properties`)), errors({ described: side({ metadata: 'FileNotFound', properties: 'FileNotFound' }) })],
  ['changed-metadata', 'a metadata file was changed', files(append(`${DESCRIBED}.metadata`, ' ')), errors({ described: side({ metadata: 'Corrupted' }) })],
  ['changed-properties', 'a properties file was changed', files(append(`${DESCRIBED}.properties`, ' ')), errors({ described: side({ properties: 'Corrupted' }) })],
  ['bad-metadata', 'a metadata file is not XML', blob('described', { metadata: 'Origin=camera' }), errors({ described: side({ metadata: 'XmlReadFailed' }) })],
  ['bad-metadata-name', 'metadata has a name that is no identifier', blob('described', { metadata: '<Metadata><a-b>c</a-b></Metadata>' }), errors({ described: side({ metadata: 'XmlReadFailed' }) })],
  ['large-metadata', 'metadata is larger than 8 KiB', blob('described', { metadata: `<Metadata><a>${'b'.repeat(8192)}</a></Metadata>` }), errors({ described: side({ metadata: 'XmlReadFailed' }) })],
  ['bad-properties', 'a properties file has another root', blob('described', { properties: '<Metadata/>' }), errors({ described: side({ properties: 'XmlReadFailed' }) })],
  ['unknown-property', 'a property is not one of the format', blob('described', { properties: '<Properties><Content-Disposition>a</Content-Disposition></Properties>' }), errors({ described: side({ properties: 'XmlReadFailed' }) })],
  ['metadata-is-folder', 'a metadata file is a folder', files(folderInstead(`${DESCRIBED}.metadata`)), errors({ described: side({ metadata: 'FileAccessDenied' }) })],
  ['bad-list-metadata', 'the metadata file of a list is not XML', firstList({ metadata: '<Metadata>' }), errors({ numbered: side({ metadata: 'XmlReadFailed' }), hashed: side({ metadata: 'XmlReadFailed' }), empty: side({ metadata: 'XmlReadFailed' }) })],
  ['missing-list-metadata', 'the metadata file of a list is not there', files(remove('\\list-0.metadata')), errors({ numbered: side({ metadata: 'FileNotFound' }), hashed: side({ metadata: 'FileNotFound' }), empty: side({ metadata: 'FileNotFound' }) })],
  ['hibernated', 'nothing: Windows was hibernated with the drive in it', files(create('\\hiberfil.sys', `hibr${'\0'.repeat(4092)}`)), whole],
];

// biome-ignore format: one variant a line
const TAKEN_ROWS: readonly (readonly [...Row, key: BlobKey])[] = [
  ['taken-rename', 'a name is taken, and a new one is asked for', {}, taken('numbered', 'Renamed'), 'numbered'],
  ['taken-overwrite', 'a name is taken, and may be replaced', {}, taken('hashed', 'Overwritten'), 'hashed'],
  ['taken-no-overwrite', 'a name is taken, and nothing is to be done', {}, taken('described', 'Skipped'), 'described'],
  ['taken-pages', 'the name of a page blob is taken', {}, taken('pages', 'Renamed'), 'pages'],
];

// biome-ignore format: one variant a line
const VOLUME_ROWS: readonly Row[] = [
  ['mbr', 'nothing: an MBR disk', disk({ table: 'mbr' }), whole],
  ['no-table', 'nothing: a volume on the whole disk', disk({ table: 'none' }), whole],
  ['sectors-of-4096', 'nothing: a disk of 4096-byte sectors', disk({ sectorBytes: 4096 }), whole],
  ['reserved-partition', 'nothing: a reserved partition comes first', disk({ reservedPartition: true }), whole],
  ['aes-cbc-256', 'nothing: another cipher', volume({ bitlocker: 'bitlk-aes-cbc-256' }), whole],
  ['to-go', 'nothing: BitLocker To Go', volume({ bitlocker: 'bitlk-togo-aes-xts-128' }), whole],
  ['wrong-key', 'the job has another recovery key', job({ bitLockerKey: WRONG_KEY }), only('BitLockerKeyInvalid')],
  ['suspended', 'BitLocker is suspended: its key lies open on the volume', { ...volume({ bitlocker: 'bitlk-aes-xts-128-clearkey-only' }), ...job({ bitLockerKey: WRONG_KEY }) }, only('BitLockerNotActivated')],
  ['no-protector', 'the job has a passphrase, and the volume none', { ...volume({ bitlocker: 'bitlk-aes-xts-128-smart-card' }), ...job({ bitLockerKey: 'anaconda' }) }, only('BitLockerProtectorNotFound')],
  ['no-bitlocker', 'the volume is not encrypted, and the job has a key', { ...volume({ bitlocker: 'none' }), ...job({ bitLockerKey: WRONG_KEY }) }, only('BitLockerNotActivated')],
  ['not-ntfs', 'there is ext4 under BitLocker', volume({ filesystem: 'ext4' }), only('VolumeNotNtfs')],
  ['unformatted', 'there is nothing under BitLocker', volume({ filesystem: 'none' }), only('VolumeNotNtfs')],
  ['wiped', 'the disk is all zeros', wiped, only('BitLockerVolumeNotFound')],
  ['metadata-copy-damaged', 'nothing: two copies of BitLocker’s metadata are left', damagedMetadata(1), whole],
  ['metadata-damaged', 'no copy of BitLocker’s metadata is left', damagedMetadata(3), only('BitLockerFailed')],
];

const variantOf =
  (level: Level) =>
  ([name, broken, breakage, expected]: Row): Variant => ({
    name,
    broken,
    level,
    breakage,
    expected,
  });

export const VARIANTS: readonly Variant[] = [
  ...MANIFEST_ROWS.map(variantOf('manifest')),
  ...FILE_ROWS.map(variantOf('files')),
  ...TAKEN_ROWS.map(([name, broken, breakage, expected, key]) => ({
    ...variantOf('files')([name, broken, breakage, expected]),
    taken: [key],
  })),
  ...VOLUME_ROWS.map(variantOf('volume')),
];

/** Throws a `RangeError` for a name that is not in the table. */
export function variant(name: string): Variant {
  const found = VARIANTS.find((each) => each.name === name);
  if (found === undefined) throw new RangeError(`there is no variant ${name}`);
  return found;
}

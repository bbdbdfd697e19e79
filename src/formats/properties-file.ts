import { type BlobHeaders, isContentMd5, isHeaderValue } from '../domain/blob-headers.ts';
import type { Many } from './drive-log.ts';
import { readSideFile, type SideFileEntry, sideFileInvalid, sideFileXml } from './side-file.ts';

/** The elements that set something, in the order of the format. */
const SETTING = {
  'Content-Type': 'contentType',
  'Content-MD5': 'contentMd5',
  'Content-Encoding': 'contentEncoding',
  'Content-Language': 'contentLanguage',
  'Cache-Control': 'cacheControl',
} as const satisfies Readonly<Record<string, keyof BlobHeaders>>;

const NAMES: ReadonlyMap<string, keyof BlobHeaders> = new Map(Object.entries(SETTING));

/** What an export writes about the blob as it was; on import it says nothing. */
const EXPORT_ONLY = ['Last-Modified', 'Etag', 'Content-Length'];

/**
 * Reads the properties file of a blob. An element without text sets nothing. Throws
 * `side-file-invalid` for an element that the format does not have, such as `Content-Disposition`:
 * the customer hears of it, where passing it over would lose it without a word.
 */
export async function readPropertiesFile(chunks: Many<Uint8Array | string>): Promise<BlobHeaders> {
  const found: { -readonly [Key in keyof BlobHeaders]: BlobHeaders[Key] } = {};
  const seen = new Set<string>();
  for (const entry of await readSideFile('properties', chunks)) {
    const key = keyOf(entry);
    if (seen.has(entry.name)) throw wrong(entry, 'appears twice');
    seen.add(entry.name);
    if (key !== undefined && entry.value !== '') found[key] = checked(entry);
  }
  return found;
}

/** Throws a `RangeError` for values that could not be read back. */
export function propertiesXml(headers: BlobHeaders): string {
  const entries: [string, string][] = [];
  for (const [name, key] of NAMES) {
    const value = headers[key];
    if (value === undefined) continue;
    if (!isValue(name, value)) throw new RangeError(`${name} cannot be written`);
    entries.push([name, value]);
  }
  return sideFileXml('properties', entries);
}

function keyOf(entry: SideFileEntry): keyof BlobHeaders | undefined {
  const key = NAMES.get(entry.name);
  if (key !== undefined || EXPORT_ONLY.includes(entry.name)) return key;
  throw wrong(entry, 'is no property of the format');
}

function checked(entry: SideFileEntry): string {
  if (isValue(entry.name, entry.value)) return entry.value;
  throw wrong(entry, 'has a value that no header can carry');
}

function isValue(name: string, value: string): boolean {
  return name === 'Content-MD5' ? isContentMd5(value) : isHeaderValue(value);
}

function wrong({ name, line }: SideFileEntry, problem: string) {
  return sideFileInvalid('properties', line, `${JSON.stringify(name.slice(0, 60))} ${problem}`);
}

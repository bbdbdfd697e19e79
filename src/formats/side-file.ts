import { isStationError, StationError } from '../errors.ts';
import { SIDE_FILE_MAX_BYTES } from '../limits.ts';
import type { Many } from './drive-log.ts';
import { readXml, type XmlItem } from './xml-reader.ts';
import { XmlWriter } from './xml-writer.ts';

/**
 * What metadata and properties files have in common ("Import/Export service metadata and properties
 * file format", Microsoft Learn): a root, and in it elements with nothing but text, whose names are
 * those of what they set.
 */
export type SideFileKind = 'metadata' | 'properties';

const ROOTS = { metadata: 'Metadata', properties: 'Properties' } as const;

/** Name and text of each element in turn, blanks around the text taken away, with its line. */
export interface SideFileEntry {
  readonly name: string;
  readonly value: string;
  readonly line: number;
}

/**
 * Reads a side file. Throws `side-file-invalid`, which the copy log calls `XmlReadFailed`; what the
 * chunks throw is passed on.
 */
export async function readSideFile(
  kind: SideFileKind,
  chunks: Many<Uint8Array | string>,
): Promise<SideFileEntry[]> {
  const entries: SideFileEntry[] = [];
  try {
    for await (const item of readXml(bounded(kind, chunks), {
      exactText: true,
      noLooseText: true,
    })) {
      if (item.depth === 1) checkRoot(kind, item);
      else entries.push(entryOf(kind, item));
    }
  } catch (error) {
    if (!isStationError(error, 'xml-invalid')) throw error;
    throw sideFileInvalid(kind, error.payload.line, error.payload.problem);
  }
  return entries;
}

export function sideFileInvalid(
  kind: SideFileKind,
  line: number,
  problem: string,
): StationError<'side-file-invalid'> {
  const words = `line ${line} of the ${kind} file: ${problem}`;
  return new StationError('side-file-invalid', words, { kind, line, problem });
}

/** Throws a `RangeError` for a name or a text that XML cannot hold. */
export function sideFileXml(
  kind: SideFileKind,
  entries: Iterable<readonly [string, string]>,
): string {
  const xml = new XmlWriter({ exactText: true });
  xml.open(ROOTS[kind]);
  for (const [name, value] of entries) xml.text(name, value);
  xml.end();
  return xml.take();
}

async function* bounded(kind: SideFileKind, chunks: Many<Uint8Array | string>) {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > SIDE_FILE_MAX_BYTES) {
      throw sideFileInvalid(kind, 1, `it is larger than ${SIDE_FILE_MAX_BYTES} bytes`);
    }
    yield chunk;
  }
}

function checkRoot(kind: SideFileKind, item: XmlItem): void {
  if (item.name === ROOTS[kind]) return;
  throw sideFileInvalid(kind, item.line, `${JSON.stringify(item.name)} is not ${ROOTS[kind]}`);
}

function entryOf(kind: SideFileKind, item: XmlItem): SideFileEntry {
  if (item.children.length > 0) {
    throw sideFileInvalid(kind, item.line, `${JSON.stringify(item.name)} has elements in it`);
  }
  return { name: item.name, value: item.text.trim(), line: item.line };
}

import { type BlobPath, parseBlobPath } from '../domain/blob-path.ts';
import {
  DEFAULT_DISPOSITION,
  DISPOSITIONS,
  type Disposition,
} from '../domain/import-disposition.ts';
import {
  contentProblem,
  type ManifestBlob,
  type ManifestBlock,
  type ManifestContent,
  type ManifestRange,
} from '../domain/manifest.ts';
import { isStationError } from '../errors.ts';
import { MANIFEST_LIMITS } from '../limits.ts';
import { manifestInvalid, shown } from './manifest.ts';
import {
  attributeOf,
  checkAttributes,
  hashOf,
  needed,
  numberOf,
  onlyText,
  partsOf,
  sideFilesOf,
  textOf,
  unknownElement,
  wrong,
} from './manifest-parts.ts';
import type { XmlItem } from './xml-reader.ts';

const PARTS = [
  'BlobPath',
  'FilePath',
  'ClientData',
  'Snapshot',
  'Length',
  'ImportDisposition',
  'PageRangeList',
  'BlockList',
  'MetadataPath',
  'PropertiesPath',
];

/** Reads a `<Blob>`, its parts in any order. Throws `manifest-invalid`, which names the blob. */
export function blobOf(item: XmlItem): ManifestBlob {
  try {
    return read(item);
  } catch (error) {
    if (!isStationError(error, 'manifest-invalid')) throw error;
    const path = item.children.find((child) => child.name === 'BlobPath');
    const { line, column = 0, problem } = error.payload;
    const blob = path === undefined ? 'without a BlobPath' : shown(path.text);
    throw manifestInvalid({ line, column }, { fault: error.payload.fault, problem, blob });
  }
}

function read(item: XmlItem): ManifestBlob {
  const parts = partsOf(item, PARTS);
  const path = pathOf(needed(parts, 'BlobPath', item));
  const filePath = textOf(needed(parts, 'FilePath', item));
  const length = lengthOf(needed(parts, 'Length', item));
  const snapshot = parts.get('Snapshot');
  return {
    path,
    filePath,
    ...(snapshot === undefined ? {} : { snapshot: textOf(snapshot) }),
    length,
    disposition: dispositionOf(parts.get('ImportDisposition')),
    content: contentOf(item, parts, length),
    ...sideFilesOf(parts),
  };
}

function pathOf(item: XmlItem): BlobPath {
  const answer = parseBlobPath(textOf(item));
  if (answer.ok) return answer.path;
  throw wrong(item, 'blob-path-invalid', `the BlobPath ${answer.problem}`);
}

function lengthOf(item: XmlItem): number {
  return numberOf(textOf(item), 'Length', item);
}

function dispositionOf(item: XmlItem | undefined): Disposition {
  if (item === undefined) return DEFAULT_DISPOSITION;
  const text = textOf(item).trim();
  const found = DISPOSITIONS.find((known) => known === text);
  if (found !== undefined) return found;
  const words = `ImportDisposition ${shown(text)} is none of ${DISPOSITIONS.join(', ')}`;
  throw wrong(item, 'value-invalid', words);
}

function contentOf(
  item: XmlItem,
  parts: ReadonlyMap<string, XmlItem>,
  length: number,
): ManifestContent {
  const [pages, blocks] = [parts.get('PageRangeList'), parts.get('BlockList')];
  if (pages !== undefined && blocks !== undefined) {
    throw wrong(blocks, 'element-misplaced', 'both a BlockList and a PageRangeList');
  }
  const list = blocks ?? pages;
  if (list === undefined) {
    throw wrong(item, 'element-missing', 'neither a BlockList nor a PageRangeList');
  }
  const content = list === blocks ? blocksOf(list, length) : pagesOf(list);
  const found = contentProblem(length, content, MANIFEST_LIMITS);
  if (found === undefined) return content;
  const at = found.index === undefined ? list : (list.children[found.index] ?? list);
  throw wrong(at, found.fault, found.problem);
}

function pagesOf(list: XmlItem): ManifestContent {
  return { kind: 'pages', list: elementsOf(list, 'PageRange').map(rangeOf) };
}

/** An empty file may be told as a block without bytes; it is the same as none. */
function blocksOf(list: XmlItem, length: number): ManifestContent {
  const blocks = elementsOf(list, 'Block').map(blockOf);
  const [only] = blocks;
  const isEmptyFile = length === 0 && blocks.length === 1 && only?.offset === 0;
  return { kind: 'blocks', list: isEmptyFile && only.length === 0 ? [] : blocks };
}

/** The elements of a list, which are all of one name and empty. */
function elementsOf(list: XmlItem, name: string): readonly XmlItem[] {
  checkAttributes(list, []);
  if (list.text.trim() !== '') throw wrong(list, 'text-misplaced', `text in ${list.name}`);
  for (const element of list.children) {
    if (element.name !== name) throw unknownElement(element, list.name);
    if (onlyText(element).trim() !== '') {
      throw wrong(element, 'text-misplaced', `text in ${name}`);
    }
  }
  return list.children;
}

function rangeOf(item: XmlItem): ManifestRange {
  checkAttributes(item, ['Offset', 'Length', 'Hash']);
  return placeOf(item);
}

function blockOf(item: XmlItem): ManifestBlock {
  checkAttributes(item, ['Offset', 'Length', 'Hash', 'Id']);
  const id = item.attributes.get('Id');
  return { ...placeOf(item), ...(id === undefined ? {} : { id }) };
}

function placeOf(item: XmlItem): ManifestRange {
  return {
    offset: numberOf(attributeOf(item, 'Offset'), 'Offset', item),
    length: numberOf(attributeOf(item, 'Length'), 'Length', item),
    hash: hashOf(item),
  };
}

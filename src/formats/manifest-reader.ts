import { MAX_SERIAL_LENGTH } from '../domain/serial.ts';
import { isStationError, type StationError } from '../errors.ts';
import type { Many } from './drive-log.ts';
import {
  type ManifestHead,
  type ManifestItem,
  type ManifestList,
  manifestInvalid,
  type Place,
  shown,
} from './manifest.ts';
import { blobOf } from './manifest-blob.ts';
import {
  attributeOf,
  checkAttributes,
  repeated,
  sideFileOf,
  textOf,
  unknownElement,
  wrong,
} from './manifest-parts.ts';
import { readXml, type XmlItem } from './xml-reader.ts';

const SHAPE = {
  containers: ['Drive', 'BlobList'],
  exactText: true,
  noLooseText: true,
} as const;

/**
 * Reads a drive manifest as it comes, one blob in memory at a time, whatever the length of the file.
 *
 * The grammar is kept strictly, as the service does: an unknown element, a blob without its hashes or
 * a list with a gap is found here and not after hours of copying. Tolerant it is where tools differ
 * and nothing is at stake: any version, any order within a blob, blanks around a hash, XML's own
 * attributes, UTF-16 with its mark. What stands before the first blob list is the head, so credential
 * and creator must stand there too, and the side files of a list before its blobs.
 *
 * Throws `manifest-invalid` with line, column and blob for whatever is wrong, be it with the file or
 * with one blob: the service knows one word for both, `ManifestFormatInvalid`, and copies nothing.
 * What the chunks throw (a read error of the disk) is passed on as it is. A caller that acts on items
 * before the end acts on a file that may still be refused.
 */
export async function* readDriveManifest(
  chunks: Many<Uint8Array | string>,
): AsyncGenerator<ManifestItem> {
  const reading = new ManifestReading();
  try {
    for await (const item of readXml(chunks, SHAPE)) yield* reading.take(item);
    yield* reading.end();
  } catch (error) {
    throw isStationError(error, 'xml-invalid') ? notXml(error) : error;
  }
}

function notXml({ payload }: StationError<'xml-invalid'>): StationError<'manifest-invalid'> {
  const { line, column = 0, problem } = payload;
  return manifestInvalid({ line, column }, { fault: 'not-xml', problem });
}

/** Where in the grammar the reader is. */
class ManifestReading {
  readonly #seen = new Set<string>();
  #last: Place = { line: 1, column: 0 };
  #version = '';
  #driveId: string | undefined;
  #hasCredential = false;
  #clientCreator: string | undefined;
  /** The list whose side files may still come; `undefined` once it has been given. */
  #list: ManifestList | undefined;
  #hasList = false;

  *take(item: XmlItem): Generator<ManifestItem> {
    this.#last = item;
    if (item.depth === 1) this.#root(item);
    else if (item.depth === 2) this.#drive(item);
    else if (item.depth === 4) yield* this.#inList(item);
    else if (item.name === 'BlobList') yield* this.#newList(item);
    else this.#inHead(item);
  }

  *#given(): Generator<ManifestItem> {
    if (this.#list !== undefined) yield { kind: 'list', ...this.#list };
    this.#list = undefined;
  }

  *end(): Generator<ManifestItem> {
    yield* this.#given();
    if (this.#hasList) return;
    const what = this.#seen.has('Drive') ? 'a Drive without BlobList' : 'no Drive';
    throw wrong(this.#last, 'element-missing', what);
  }

  #root(item: XmlItem): void {
    if (item.name !== 'DriveManifest') {
      throw wrong(item, 'not-a-manifest', `${shown(item.name)} is not a DriveManifest`);
    }
    checkAttributes(item, ['Version']);
    this.#version = versionOf(attributeOf(item, 'Version').trim(), item);
  }

  #drive(item: XmlItem): void {
    if (item.name !== 'Drive') throw unknownElement(item, 'DriveManifest');
    this.#once(item);
    checkAttributes(item, []);
  }

  #inHead(item: XmlItem): void {
    if (this.#hasList) {
      throw wrong(item, 'element-misplaced', `${shown(item.name)} after a BlobList`);
    }
    const text = textOf(item);
    switch (item.name) {
      case 'DriveId':
        this.#once(item);
        this.#driveId = driveIdOf(text, item);
        return;
      case 'StorageAccountKey':
      case 'ContainerSas':
        this.#once({ ...item, name: 'a credential' });
        this.#hasCredential = true;
        return;
      case 'ClientCreator':
        this.#once(item);
        this.#clientCreator = text;
        return;
      default:
        throw unknownElement(item, 'Drive');
    }
  }

  *#newList(item: XmlItem): Generator<ManifestItem> {
    checkAttributes(item, ['Id']);
    if (!this.#hasList) yield { kind: 'head', ...this.#head(item) };
    yield* this.#given();
    const id = item.attributes.get('Id');
    this.#hasList = true;
    this.#list = id === undefined ? {} : { id };
  }

  *#inList(item: XmlItem): Generator<ManifestItem> {
    switch (item.name) {
      case 'Blob':
        yield* this.#given();
        yield { kind: 'blob', ...blobOf(item) };
        return;
      case 'MetadataPath':
        this.#default(item, 'metadata');
        return;
      case 'PropertiesPath':
        this.#default(item, 'properties');
        return;
      default:
        throw unknownElement(item, 'BlobList');
    }
  }

  #default(item: XmlItem, key: 'metadata' | 'properties'): void {
    if (this.#list === undefined) {
      throw wrong(item, 'element-misplaced', `${item.name} of the list after its first blob`);
    }
    if (this.#list[key] !== undefined) throw repeated(item);
    this.#list = { ...this.#list, [key]: sideFileOf(item) };
  }

  #head(item: XmlItem): ManifestHead {
    if (this.#driveId === undefined) {
      throw wrong(item, 'element-missing', 'no DriveId before the first BlobList');
    }
    return {
      version: this.#version,
      driveId: this.#driveId,
      hasCredential: this.#hasCredential,
      ...(this.#clientCreator === undefined ? {} : { clientCreator: this.#clientCreator }),
    };
  }

  #once(item: XmlItem): void {
    if (this.#seen.has(item.name)) throw repeated(item);
    this.#seen.add(item.name);
  }
}

/** Only its form: the years of the tools are not all known, and the grammar guards the rest. */
function versionOf(text: string, at: Place): string {
  if (/^[\w.-]{1,32}$/u.test(text)) return text;
  throw wrong(at, 'value-invalid', `Version ${shown(text)} is not one`);
}

function driveIdOf(text: string, at: Place): string {
  const driveId = text.trim();
  if (driveId !== '' && driveId.length <= MAX_SERIAL_LENGTH && !/\p{Cc}/u.test(driveId)) {
    return driveId;
  }
  throw wrong(at, 'value-invalid', `DriveId ${shown(driveId)} is not a serial number`);
}

import { SaxesParser, type SaxesTagPlain } from 'saxes';
import { StationError } from '../errors.ts';
import { XML_DEPTH_MAX, XML_ITEM_MAX_ELEMENTS, XML_RUN_MAX_LENGTH } from '../limits.ts';
import type { Many } from './drive-log.ts';
import { XmlDecoder } from './xml-decoder.ts';
import { fromXmlText } from './xml-text.ts';

/** An element with everything in it, or a container without what is in it. */
export interface XmlItem {
  readonly name: string;
  /** 1 is the root. */
  readonly depth: number;
  readonly attributes: ReadonlyMap<string, string>;
  /** The element's own text, pieces between its children joined. */
  readonly text: string;
  readonly children: readonly XmlItem[];
  /** Where its start tag ends; the line from 1, the column from 0. */
  readonly line: number;
  readonly column: number;
}

/** What is known of a document before it is read. */
export interface XmlShape {
  /**
   * Below the root, the elements whose children come one by one: the first name is that of a child of
   * the root, the next that of a child of such a child. Without any, the children of the root do.
   */
  readonly containers?: readonly string[];
  /** Text is what stands there, not what `toXmlText` made of it: for files that others write. */
  readonly exactText?: true;
  /** Text between the children of the root and of containers is refused, not passed over. */
  readonly noLooseText?: true;
}

interface OpenItem extends XmlItem {
  text: string;
  readonly children: XmlItem[];
}

/** Characters that the parser gets at once, so that its bounds are looked at often. */
const SLICE_LENGTH = 16 * 1024;
const MAX_ATTRIBUTES = 16;
const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

/**
 * Reads a document as it comes: first its root, without what is in it, then each child of the root as
 * soon as that is complete. Where the shape names containers, such an element comes like the root, at
 * its start tag, and its children come after it. Only one child is in memory at a time.
 *
 * The document is taken for hostile. There are no entities but XML's own five, a DOCTYPE is refused,
 * and so is what is neither UTF-8 nor UTF-16 with a byte order mark, deeper than `XML_DEPTH_MAX`, or
 * larger than one child, tag, text or comment may be. Throws `xml-invalid` with the place; what the
 * chunks throw is passed on.
 */
export async function* readXml(
  chunks: Many<Uint8Array | string>,
  shape: XmlShape = {},
): AsyncGenerator<XmlItem> {
  const decoder = new XmlDecoder();
  const parser = new ItemParser(shape, decoder);
  for await (const text of decoded(chunks, decoder, parser)) {
    for (let at = 0; at < text.length; at += SLICE_LENGTH) {
      yield* itemsOf(parser, () => parser.write(text.slice(at, at + SLICE_LENGTH)));
    }
  }
  yield* itemsOf(parser, () => parser.end());
}

/** What was complete before a mistake is given before the mistake is told. */
function* itemsOf(parser: ItemParser, parse: () => void): Generator<XmlItem> {
  let failure: unknown;
  try {
    parse();
  } catch (error) {
    failure = error;
  }
  yield* parser.taken();
  if (failure !== undefined) throw failure;
}

async function* decoded(
  chunks: Many<Uint8Array | string>,
  decoder: XmlDecoder,
  parser: ItemParser,
): AsyncGenerator<string> {
  const decode = (bytes?: Uint8Array) => {
    try {
      return bytes === undefined ? decoder.end() : decoder.decode(bytes);
    } catch {
      throw parser.invalid(`this is not ${decoder.encoding.toUpperCase()}`);
    }
  };
  for await (const chunk of chunks) yield typeof chunk === 'string' ? chunk : decode(chunk);
  yield decode();
}

class ItemParser {
  readonly #parser = new SaxesParser({
    xmlns: false,
    defaultXMLVersion: '1.0',
    forceXMLVersion: true,
  });
  readonly #shape: XmlShape;
  readonly #decoder: XmlDecoder;
  readonly #open: OpenItem[] = [];
  /** How many of those that are open are containers, the root among them; they are the outermost. */
  #containers = 0;
  #ready: XmlItem[] = [];
  #elements = 0;
  #attributes = 0;
  /** Characters written, and how many of them at the last thing that was complete. */
  #written = 0;
  #completeAt = 0;

  constructor(shape: XmlShape, decoder: XmlDecoder) {
    this.#shape = shape;
    this.#decoder = decoder;
    this.#refuse();
    this.#listen();
  }

  write(text: string): void {
    this.#parser.write(text);
    this.#written += text.length;
    if (this.#written - this.#completeAt > XML_RUN_MAX_LENGTH + SLICE_LENGTH) {
      throw this.invalid(`a tag, text or comment is longer than ${XML_RUN_MAX_LENGTH} characters`);
    }
  }

  end(): void {
    this.#parser.close();
  }

  /** What has become complete since the last call. */
  taken(): XmlItem[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  invalid(problem: string): StationError<'xml-invalid'> {
    const { line, column } = this.#parser;
    const words = `line ${line}, column ${column}: ${problem}`;
    return new StationError('xml-invalid', words, { line, column, problem });
  }

  /** What no document of ours has. */
  #refuse(): void {
    const parser = this.#parser;
    parser.on('error', (error) => {
      throw this.invalid(error.message.replace(/^(?:\d+:\d+: )?/u, ''));
    });
    parser.on('doctype', () => {
      throw this.invalid('a DOCTYPE is not accepted');
    });
    parser.on('xmldecl', ({ encoding = this.#decoder.encoding }) => {
      this.#complete();
      if (!this.#decoder.isCalled(encoding)) {
        throw this.invalid(`the encoding ${encoding} is not that of the bytes`);
      }
    });
    parser.on('attribute', () => {
      this.#complete();
      if (++this.#attributes > MAX_ATTRIBUTES) throw this.invalid('a tag has too many attributes');
    });
  }

  #listen(): void {
    const parser = this.#parser;
    parser.on('opentagstart', () => {
      this.#complete();
      this.#attributes = 0;
    });
    parser.on('opentag', (tag) => this.#openItem(tag));
    parser.on('closetag', () => this.#closeItem());
    parser.on('text', (text) => this.#addText(text));
    parser.on('cdata', (text) => this.#addText(text));
    parser.on('comment', () => this.#complete());
    parser.on('processinginstruction', () => this.#complete());
  }

  /** Something has come to its end: nothing is waiting in the parser. */
  #complete(): void {
    this.#completeAt = this.#written;
  }

  #openItem(tag: SaxesTagPlain): void {
    const { line, column } = this.#parser;
    const depth = this.#open.length + 1;
    const item: OpenItem = {
      name: tag.name,
      depth,
      attributes: this.#attributesOf(tag),
      text: '',
      children: [],
      line,
      column,
    };
    if (this.#containers === depth - 1) this.#elements = 0;
    this.#open.push(item);
    if (this.#isContainer(tag.name, depth)) {
      this.#containers = depth;
      this.#ready.push({ ...item, children: [] });
    }
    if (depth > XML_DEPTH_MAX) throw this.invalid(`more than ${XML_DEPTH_MAX} elements deep`);
    if (++this.#elements > XML_ITEM_MAX_ELEMENTS) {
      throw this.invalid(`more than ${XML_ITEM_MAX_ELEMENTS} elements in one`);
    }
  }

  #isContainer(name: string, depth: number): boolean {
    if (depth === 1) return true;
    return this.#containers === depth - 1 && this.#shape.containers?.[depth - 2] === name;
  }

  #attributesOf(tag: SaxesTagPlain): ReadonlyMap<string, string> {
    const given = Object.entries(tag.attributes);
    if (given.length === 0) return NO_ATTRIBUTES;
    return new Map(given.map(([name, value]) => [name, this.#textOf(value)]));
  }

  #closeItem(): void {
    this.#complete();
    const item = this.#open.pop();
    if (item === undefined) return;
    const depth = this.#open.length;
    if (this.#containers > depth) {
      this.#containers = depth;
      return;
    }
    item.text = this.#textOf(item.text);
    if (this.#containers === depth) this.#ready.push(item);
    else this.#open.at(-1)?.children.push(item);
  }

  #textOf(text: string): string {
    return this.#shape.exactText ? text : fromXmlText(text);
  }

  /** Text between the children of a container means nothing and is not kept. */
  #addText(text: string): void {
    this.#complete();
    const item = this.#open.at(-1);
    if (item === undefined) return;
    if (this.#containers === this.#open.length) {
      if (this.#shape.noLooseText && text.trim() !== '') {
        throw this.invalid(`text in ${item.name} that belongs to none of its elements`);
      }
      return;
    }
    item.text = item.children.length === 0 ? item.text + text : item.text + text.trim();
    if (item.text.length > XML_RUN_MAX_LENGTH)
      throw this.invalid('the text of an element is too long');
  }
}

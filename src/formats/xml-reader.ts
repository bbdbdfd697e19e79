import { SaxesParser, type SaxesTagPlain } from 'saxes';
import { StationError } from '../errors.ts';
import { XML_DEPTH_MAX, XML_ITEM_MAX_ELEMENTS, XML_RUN_MAX_LENGTH } from '../limits.ts';
import type { Many } from './drive-log.ts';
import { fromXmlText } from './xml-text.ts';

/** An element with everything in it. Text and attributes are as they were before `toXmlText`. */
export interface XmlItem {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** The element's own text, pieces between its children joined. */
  readonly text: string;
  readonly children: readonly XmlItem[];
  /** Where its start tag ends, from 1. */
  readonly line: number;
}

interface OpenItem extends XmlItem {
  text: string;
  readonly children: XmlItem[];
}

/** Characters that the parser gets at once, so that its bounds are looked at often. */
const SLICE_LENGTH = 16 * 1024;
const MAX_ATTRIBUTES = 16;

/**
 * Reads a document as it comes: first its root, without what is in it, then each child of the root as
 * soon as that is complete. Only one child is in memory at a time.
 *
 * The document is taken for hostile. There are no entities but XML's own five, a DOCTYPE is refused,
 * and so is what is not UTF-8, deeper than `XML_DEPTH_MAX`, or larger than one child, tag, text or
 * comment may be. Throws `xml-invalid` with the place.
 */
export async function* readXml(chunks: Many<Uint8Array | string>): AsyncGenerator<XmlItem> {
  const parser = new ItemParser();
  for await (const text of decoded(chunks, parser)) {
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
  parser: ItemParser,
): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (bytes?: Uint8Array) => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch {
      throw parser.invalid('this is not UTF-8');
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
  readonly #open: OpenItem[] = [];
  #ready: XmlItem[] = [];
  #elements = 0;
  #attributes = 0;
  /** Characters written, and how many of them at the last thing that was complete. */
  #written = 0;
  #completeAt = 0;

  constructor() {
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
    parser.on('xmldecl', ({ encoding = 'utf-8' }) => {
      this.#complete();
      if (!/^utf-?8$/iu.test(encoding)) throw this.invalid(`the encoding ${encoding} is not UTF-8`);
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
    const item: OpenItem = {
      name: tag.name,
      attributes: new Map(
        Object.entries(tag.attributes).map(([name, value]) => [name, fromXmlText(value)]),
      ),
      text: '',
      children: [],
      line: this.#parser.line,
    };
    const depth = this.#open.push(item);
    if (depth === 1) this.#ready.push({ ...item, children: [] });
    if (depth === 2) this.#elements = 0;
    if (depth > XML_DEPTH_MAX) throw this.invalid(`more than ${XML_DEPTH_MAX} elements deep`);
    if (++this.#elements > XML_ITEM_MAX_ELEMENTS) {
      throw this.invalid(`more than ${XML_ITEM_MAX_ELEMENTS} elements in one`);
    }
  }

  #closeItem(): void {
    this.#complete();
    const item = this.#open.pop();
    if (item === undefined) return;
    item.text = fromXmlText(item.text);
    const parent = this.#open.at(-1);
    if (this.#open.length === 1) this.#ready.push(item);
    else parent?.children.push(item);
  }

  /** Text between the root's children means nothing and is not kept. */
  #addText(text: string): void {
    this.#complete();
    const item = this.#open.at(-1);
    if (item === undefined || this.#open.length === 1) return;
    item.text = item.children.length === 0 ? item.text + text : item.text + text.trim();
    if (item.text.length > XML_RUN_MAX_LENGTH)
      throw this.invalid('the text of an element is too long');
  }
}

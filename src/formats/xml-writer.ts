import { createCB } from 'xmlbuilder2';
import { exactXmlText, toXmlText } from './xml-text.ts';

export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** Characters that are gathered before they go out: many small elements make one piece. */
const PIECE_LENGTH = 64 * 1024;

/**
 * A document that is written from its beginning to its end and taken away in pieces, so that it is
 * never in memory as a whole. Whatever the text, the document is well-formed and a parser finds the
 * same text in it (`xml-text.ts`). With `exactText` it is written for programs that know no escapes:
 * text that XML cannot hold is then a `RangeError`.
 */
export class XmlWriter {
  readonly #builder: ReturnType<typeof createCB>;
  readonly #textOf: (text: string) => string;
  #waiting = '';

  constructor(options: { readonly exactText?: true } = {}) {
    this.#textOf = options.exactText ? exactXmlText : toXmlText;
    this.#builder = createCB({
      data: (text: string) => {
        this.#waiting += text;
      },
      error: (error: Error) => {
        throw error;
      },
      prettyPrint: true,
      spaceBeforeSlash: true,
      wellFormed: true,
    });
    this.#builder.dec({ version: '1.0', encoding: 'utf-8' });
  }

  /** Attributes stand in the order given; those that are `undefined` are left out. */
  open(name: string, attributes: Attributes = {}): this {
    this.#builder.ele(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== undefined) this.#builder.att(key, this.#escaped(value));
    }
    return this;
  }

  close(): this {
    this.#builder.up();
    return this;
  }

  /** An element with text and nothing else in it. */
  text(name: string, text: string | number, attributes: Attributes = {}): this {
    this.open(name, attributes);
    this.#builder.txt(this.#escaped(text));
    return this.close();
  }

  /** There is enough for a piece: whoever writes much takes it away now. */
  get full(): boolean {
    return this.#waiting.length >= PIECE_LENGTH;
  }

  take(): string {
    const piece = this.#waiting;
    this.#waiting = '';
    return piece;
  }

  /** Closes what is open; one more piece is there. */
  end(): void {
    this.#builder.end();
    this.#waiting += '\n';
  }

  /**
   * The builder takes text that looks like one of the five named entities for one and leaves it as it
   * is. An ampersand is therefore written out before the builder sees it, and then left as it is.
   */
  #escaped(text: string | number): string {
    return this.#textOf(String(text)).replaceAll('&', '&amp;');
  }
}

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be';

/** What a declaration may call each encoding. */
const NAMES: Readonly<Record<Encoding, RegExp>> = {
  'utf-8': /^utf-?8$/iu,
  'utf-16le': /^utf-?16(?:le)?$/iu,
  'utf-16be': /^utf-?16(?:be)?$/iu,
};

/**
 * Bytes of an XML document to text. UTF-8, with a byte order mark or without, is what the published
 * tools write. UTF-16 is read where its mark says so, as XML demands of it and as Windows editors
 * save; other encodings are refused, because a name that is read wrongly names another file.
 */
export class XmlDecoder {
  #decoder: TextDecoder | undefined;
  /** A first byte that came alone: the mark has two. */
  #pending = new Uint8Array();
  #encoding: Encoding = 'utf-8';

  /** Known with the second byte; until then it is what most files are. */
  get encoding(): Encoding {
    return this.#encoding;
  }

  isCalled(name: string): boolean {
    return NAMES[this.#encoding].test(name);
  }

  /** Throws a `TypeError` for bytes that are not of the encoding. */
  decode(bytes: Uint8Array): string {
    if (this.#decoder !== undefined) return this.#decoder.decode(bytes, { stream: true });
    this.#pending = Uint8Array.from([...this.#pending, ...bytes]);
    return this.#pending.length < 2 ? '' : this.#begin().decode(this.#pending, { stream: true });
  }

  /** Throws a `TypeError` for an end in the middle of a character. */
  end(): string {
    return this.#decoder === undefined
      ? this.#begin().decode(this.#pending)
      : this.#decoder.decode();
  }

  #begin(): TextDecoder {
    const [first, second] = this.#pending;
    if (first === 0xff && second === 0xfe) this.#encoding = 'utf-16le';
    if (first === 0xfe && second === 0xff) this.#encoding = 'utf-16be';
    this.#decoder = new TextDecoder(this.#encoding, { fatal: true });
    return this.#decoder;
  }
}

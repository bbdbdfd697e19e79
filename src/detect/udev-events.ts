import { StringDecoder } from 'node:string_decoder';

/** What a device says in udev's words: `ID_SERIAL_SHORT`, `ID_PATH` and so on. */
export type UdevProperties = ReadonlyMap<string, string>;

/** One message of `udevadm monitor`. */
export interface UdevEvent {
  /** `kernel` comes at once; `udev` comes after the rules and carries their properties. */
  readonly source: 'kernel' | 'udev';
  readonly action: string;
  readonly devpath: string;
  readonly subsystem: string;
  readonly properties: UdevProperties;
}

const HEADER = /^(KERNEL|UDEV)\s*\[[\d.]+\]\s+(\S+)\s+(\S+) \((\S+)\)$/u;
/** The kernel's own bound for the environment of one event is 2 KiB; udev adds a few more. */
const MAX_LINE_CHARACTERS = 64 * 1024;
const MAX_PROPERTIES = 1024;

interface Draft {
  readonly head: Omit<UdevEvent, 'properties'>;
  readonly properties: Map<string, string>;
}

/**
 * Reads `udevadm monitor --kernel --udev --property` as a stream: bytes in, complete events out. A
 * message is complete at its blank line; how the pipe cut the bytes makes no difference. Anything
 * that is not a message is passed over, and an endless line is dropped instead of kept.
 */
export class UdevEventParser {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  #overlong = false;
  #draft: Draft | undefined;

  push(chunk: Buffer): UdevEvent[] {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n');
    this.#rest = lines.pop() ?? '';
    const events: UdevEvent[] = [];
    for (const line of lines) {
      const event = this.#overlong ? undefined : this.#line(line);
      this.#overlong = false;
      if (event !== undefined) events.push(event);
    }
    if (this.#rest.length > MAX_LINE_CHARACTERS) {
      this.#rest = '';
      this.#overlong = true;
    }
    return events;
  }

  #line(line: string): UdevEvent | undefined {
    if (line.length > MAX_LINE_CHARACTERS) return undefined;
    const header = HEADER.exec(line);
    if (header !== null) this.#draft = draftOf(header);
    else if (line === '') return this.#finish();
    else this.#property(line);
    return undefined;
  }

  #property(line: string): void {
    const at = line.indexOf('=');
    if (this.#draft === undefined || at < 1) return;
    if (this.#draft.properties.size >= MAX_PROPERTIES) return;
    this.#draft.properties.set(line.slice(0, at), line.slice(at + 1));
  }

  #finish(): UdevEvent | undefined {
    const draft = this.#draft;
    this.#draft = undefined;
    return draft === undefined ? undefined : { ...draft.head, properties: draft.properties };
  }
}

function draftOf(header: RegExpExecArray): Draft {
  const [, source, action = '', devpath = '', subsystem = ''] = header;
  const kind = source === 'UDEV' ? 'udev' : 'kernel';
  return { head: { source: kind, action, devpath, subsystem }, properties: new Map() };
}

import { opendir } from 'node:fs/promises';
import { FOLDER_CACHE_NAMES } from '../limits.ts';
import { folderPath, type Place } from './descriptors.ts';
import { foldCase } from './windows-path.ts';

/** The names in a folder, and finding one among them without regard to case. */

/** A name as the volume has it; `undefined` in `text` when its bytes are not Unicode. */
export interface Name {
  readonly text: string | undefined;
  /** For a message only. */
  readonly shown: string;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Names one after the other, however many there are; so many are read at once. */
export async function* namesIn(folder: Place, atOnce = 32): AsyncGenerator<Name> {
  // As Latin-1 each byte is one character, so that names that are not Unicode are seen as such.
  const directory = await opendir(folderPath(folder), { encoding: 'latin1', bufferSize: atOnce });
  for await (const { name } of directory) yield decode(Buffer.from(name, 'latin1'));
}

function decode(bytes: Buffer): Name {
  try {
    const text = UTF8.decode(bytes);
    return { text, shown: text };
  } catch {
    return { text: undefined, shown: bytes.toString('latin1') };
  }
}

/**
 * Finds names that differ in case alone. The folder that was searched last is remembered, because a
 * manifest whose case is off is off for a whole folder.
 */
export class CaseSearch {
  #folder:
    | { readonly key: string; readonly names: ReadonlyMap<string, readonly string[]> }
    | undefined;

  /** In code-unit order; the volume cannot change while it is read. */
  async find(folder: Place, name: string): Promise<readonly string[]> {
    const wanted = foldCase(name);
    const key = `${folder.stats.dev}:${folder.stats.ino}`;
    if (this.#folder?.key === key) return this.#folder.names.get(wanted) ?? [];
    const names = new Map<string, string[]>();
    const found: string[] = [];
    let count = 0;
    for await (const { text } of namesIn(folder)) {
      if (text === undefined) continue;
      count += 1;
      const folded = foldCase(text);
      if (folded === wanted) found.push(text);
      if (count <= FOLDER_CACHE_NAMES)
        names.set(folded, [...(names.get(folded) ?? []), text].sort());
    }
    if (count <= FOLDER_CACHE_NAMES) this.#folder = { key, names };
    return found.sort();
  }
}

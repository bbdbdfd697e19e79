import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from '../errors.ts';
import type { ListBlobs, ListedBlob, Listing } from './contract.ts';
import { keyHasPrefix, nameOfKey } from './directory-layout.ts';
import { readRecord, stateOf } from './directory-record.ts';
import { refused } from './rules.ts';

/** Blobs of one answer. */
const LIST_BLOBS = 5000;
/** Records looked at together: below libuv's queue, above one at a time. */
const LOOK_BATCH = 64;

/**
 * Lists the blobs of a directory in the order of their keys. The keys are read and sorted once for a
 * listing and kept until its last part was asked for, or else a million blobs would be read again for
 * every five thousand of them. They are only kept, never needed: a part can be asked of anybody.
 */
export class DirectoryListing {
  readonly #blobs: string;
  #kept: { readonly prefix: string; readonly keys: readonly string[]; next: string } | undefined;

  /** `blobs` is the directory with a directory for each blob. */
  constructor(blobs: string) {
    this.#blobs = blobs;
  }

  async part({ prefix, from }: ListBlobs): Promise<Listing<ListedBlob>> {
    const keys = await this.#keys(prefix, from);
    const first = from === undefined ? 0 : firstAfter(keys, from);
    const part = keys.slice(first, first + LIST_BLOBS);
    const last = part.at(-1);
    const next = first + part.length < keys.length ? last : undefined;
    this.#kept = next === undefined ? undefined : { prefix, keys, next };
    return { items: await this.#look(part, prefix), next };
  }

  async #keys(prefix: string, from: string | undefined): Promise<readonly string[]> {
    const kept = this.#kept;
    if (kept !== undefined && kept.next === from && kept.prefix === prefix) return kept.keys;
    const all = await readdir(this.#blobs);
    return all.filter((key) => keyHasPrefix(key, prefix)).sort();
  }

  async #look(keys: readonly string[], prefix: string): Promise<ListedBlob[]> {
    const blobs: ListedBlob[] = [];
    for (let at = 0; at < keys.length; at += LOOK_BATCH) {
      const batch = keys.slice(at, at + LOOK_BATCH).map((key) => this.#blob(key));
      for (const blob of await Promise.all(batch)) {
        if (blob?.name.startsWith(prefix)) blobs.push(blob);
      }
    }
    return blobs;
  }

  async #blob(key: string): Promise<ListedBlob | undefined> {
    const folder = path.join(this.#blobs, key);
    const record = await readRecord(folder);
    if (record === undefined) return undefined;
    const name = record.name ?? nameOfKey(key);
    if (name === undefined) throw refused('list blobs', `the name of ${folder} is not recorded`);
    try {
      return { name, type: record.type, md5: record.md5, ...(await stateOf(folder, record)) };
    } catch (error) {
      // Removed between the two looks.
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}

/** The index of the first key after `from`, by halves. */
function firstAfter(sorted: readonly string[], from: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? '') <= from) low = middle + 1;
    else high = middle;
  }
  return low;
}

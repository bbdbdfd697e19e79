import { hash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { blockOfFile, layoutOf } from '../../../src/blobs/directory-layout.ts';
import { unlessMissing } from '../../../src/blobs/durable-file.ts';
import { decodeBlockId } from '../../../src/domain/block-id.ts';
import { fileDigest } from '../disks.ts';

/** What lies in a container of a directory store, looked at without the code that wrote it. */
export interface StoreFindings {
  /** SHA-256 of each blob's content by its key; empty where content or properties lack. */
  readonly blobs: ReadonlyMap<string, string>;
  /** Files of staged blocks that are what their names say. */
  readonly wholeBlocks: ReadonlySet<string>;
  /** Those that are not. */
  readonly damagedBlocks: readonly string[];
}

export async function lookIntoStore(directory: string, container: string): Promise<StoreFindings> {
  const layout = layoutOf(directory, container);
  const blobs = new Map<string, string>();
  for (const key of await namesIn(layout.blobs)) {
    blobs.set(key, await digestOfBlob(join(layout.blobs, key)));
  }
  const wholeBlocks = new Set<string>();
  const damagedBlocks: string[] = [];
  for (const key of await namesIn(layout.staged)) {
    for (const file of await namesIn(join(layout.staged, key))) {
      const id = blockOfFile(file);
      if (id === undefined) continue;
      const digest = hash('sha256', await readFile(join(layout.staged, key, file)), 'hex');
      if (decodeBlockId(id)?.sha256 === digest) wholeBlocks.add(file);
      else damagedBlocks.push(file);
    }
  }
  return { blobs, wholeBlocks, damagedBlocks };
}

async function digestOfBlob(folder: string): Promise<string> {
  const names = await namesIn(folder);
  const isWhole = names.includes('content') && names.includes('properties.json');
  return isWhole ? await fileDigest(join(folder, 'content')) : '';
}

async function namesIn(directory: string): Promise<string[]> {
  return (await unlessMissing(readdir(directory))) ?? [];
}

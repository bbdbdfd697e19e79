import { hash } from 'node:crypto';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContentChange, MediumState, Node } from './medium.ts';

/** Makes the files of a state of the medium anew, holes where nothing but zeros was written. */

const PAGE_BYTES = 4096;
const ZEROS = Buffer.alloc(PAGE_BYTES);

/** Writes everything into a directory, which must not exist. */
export async function writeState(state: MediumState, target: string): Promise<void> {
  await writeDirectory(state, state.root, target);
}

async function writeDirectory(state: MediumState, node: Node, target: string): Promise<void> {
  await mkdir(target, { mode: 0o700 });
  for (const [name, child] of state.names.get(node) ?? []) {
    const path = join(target, name);
    if (child.kind === 'directory') await writeDirectory(state, child, path);
    else await writeFile(state.content.get(child) ?? [], path);
  }
}

async function writeFile(changes: readonly ContentChange[], path: string): Promise<void> {
  await using file = await open(path, 'w', 0o600);
  let sizeBytes = 0;
  for (const { offsetBytes, bytes } of changes) {
    if (bytes === undefined) {
      await file.truncate(offsetBytes);
      sizeBytes = offsetBytes;
      continue;
    }
    if (offsetBytes >= sizeBytes) await writePages(file, bytes, offsetBytes);
    else await file.write(bytes, 0, bytes.length, offsetBytes);
    sizeBytes = Math.max(sizeBytes, offsetBytes + bytes.length);
  }
  await file.truncate(sizeBytes);
}

async function writePages(file: FileHandle, bytes: Buffer, offsetBytes: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
    const page = bytes.subarray(at, at + PAGE_BYTES);
    if (page.equals(ZEROS.subarray(0, page.length))) continue;
    await file.write(page, 0, page.length, offsetBytes + at);
  }
}

/** The same for two states in which every file has the same name and the same history. */
export function stateKey(state: MediumState, isOfNoMatter: (name: string) => boolean): string {
  const lines: string[] = [];
  const visit = (node: Node, path: string) => {
    for (const [name, child] of [...(state.names.get(node) ?? [])].sort(byName)) {
      const place = `${path}/${name}`;
      const counts = child.kind === 'file' && !isOfNoMatter(name);
      const changes = counts ? (state.content.get(child) ?? []) : [];
      lines.push(`${place} ${changes.map(({ at, bytes }) => `${at}.${bytes?.length}`).join(' ')}`);
      visit(child, place);
    }
  };
  visit(state.root, '');
  return hash('sha256', lines.join('\n'));
}

function byName([a]: readonly [string, Node], [b]: readonly [string, Node]): number {
  return a < b ? -1 : 1;
}

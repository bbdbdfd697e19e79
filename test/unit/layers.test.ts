import { readdir, readFile } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { expect, test } from 'vitest';
import { CONSOLE_SEES, HOUSE, type Room, SHARED } from '../../docs/house.ts';

/** Which room may import which is in `docs/house.ts`, which `docs/ARCHITECTURE.md` draws as well. */
const ROOMS: ReadonlyMap<string, Room> = new Map(HOUSE.map((room) => [room.name, room]));

const SOURCE = resolve('src');
const IMPORT =
  /^\s*(?:import|export)\s(?:[^'"]*?\sfrom\s)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/gmu;

interface Import {
  readonly file: string;
  readonly room: string;
  readonly target: string;
  readonly statement: string;
}

const roomOf = (path: string) => (path.split(sep)[0] ?? '').replace(/\.ts$/u, '');

async function allImports(): Promise<Import[]> {
  const names = await readdir(SOURCE, { recursive: true });
  const found: Import[] = [];
  for (const file of names.filter((name) => name.endsWith('.ts'))) {
    const text = await readFile(join(SOURCE, file), 'utf8');
    for (const match of text.matchAll(IMPORT)) {
      const target = match[1] ?? match[2] ?? '';
      found.push({ file, room: roomOf(file), target, statement: match[0].trim() });
    }
  }
  return found;
}

function packageOf(target: string): string {
  const parts = target.split('/');
  return target.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}

function complaint({ file, room, target, statement }: Import): string | undefined {
  const rule = ROOMS.get(room);
  if (rule === undefined) return `${file}: the room ${room} is in no plan of the house`;
  if (target.startsWith('node:'))
    return rule.node ? undefined : `${file}: ${room} may not use ${target}`;
  if (!target.startsWith('.')) {
    return rule.packages.includes(packageOf(target))
      ? undefined
      : `${file}: ${room} may not use ${target}`;
  }
  const path = relative(SOURCE, resolve(SOURCE, file, '..', target));
  const other = roomOf(path);
  if (other === room || rule.rooms === 'everything' || rule.rooms.includes(other)) {
    const typesOnly = statement.startsWith('import type');
    const wireOnly =
      room !== 'console' || other === room || (CONSOLE_SEES.includes(path) && typesOnly);
    return wireOnly
      ? undefined
      : `${file}: console sees only the types of ${CONSOLE_SEES.join(' and ')}`;
  }
  return `${file}: ${room} may not import ${other}`;
}

test('every import goes where the plan of the house allows it', async () => {
  const imports = await allImports();
  expect(imports.length).toBeGreaterThan(100);
  expect(imports.map(complaint).filter((words) => words !== undefined)).toEqual([]);
});

test('the plan has a room for everything in src, and every room of the plan is built', async () => {
  const files = await readdir(SOURCE, { recursive: true });
  const built = new Set(files.filter((name) => name.endsWith('.ts')).map(roomOf));
  expect(HOUSE.map(({ name }) => name).sort()).toEqual([...built].sort());
});

test('no room is granted what it does not use', async () => {
  const imports = await allImports();
  const used = new Set(
    imports.map(({ room, file, target }) => `${room}: ${wordFor(file, target)}`),
  );
  const granted = HOUSE.flatMap(({ name, rooms, packages }) => {
    const named = rooms === 'everything' ? [] : rooms.filter(isNotShared);
    return [
      ...named.map((room) => `${name}: the room ${room}`),
      ...packages.map((item) => `${name}: ${item}`),
    ];
  });
  expect(granted.filter((grant) => !used.has(grant))).toEqual([]);
});

/** What a target is called here: a room and a package can have one name. */
function wordFor(file: string, target: string): string {
  if (!target.startsWith('.')) return packageOf(target);
  return `the room ${roomOf(relative(SOURCE, resolve(SOURCE, file, '..', target)))}`;
}

function isNotShared(room: string): boolean {
  return !SHARED.some((shared) => shared === room);
}

test('the check sees a forbidden import', () => {
  const from = (file: string, target: string) =>
    complaint({ file, room: roomOf(file), target, statement: `import '${target}'` });
  expect(from('domain/plan.ts', 'node:fs')).toBeDefined();
  expect(from('domain/plan.ts', '../errors.ts')).toBeDefined();
  expect(from('copy/worker.ts', '../ledger/contract.ts')).toBeDefined();
  expect(from('detect/sysfs.ts', 'kysely')).toBeDefined();
  expect(from('console/main.ts', '../serve/http.ts')).toBeDefined();
});

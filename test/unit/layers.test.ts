import { readdir, readFile } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { expect, test } from 'vitest';

/**
 * Which room may import which, as `docs/ARCHITECTURE.md` draws it. `outside` lists what a room may
 * use that is not ours: packages by name, and whether Node's own modules are allowed.
 */
interface Room {
  readonly rooms: readonly string[];
  readonly node: boolean;
  readonly packages: readonly string[];
}

const SHARED = ['errors', 'limits'];
const ROOMS: Readonly<Record<string, Room>> = {
  domain: { rooms: [], node: false, packages: [] },
  errors: { rooms: ['domain'], node: false, packages: [] },
  limits: { rooms: ['domain'], node: false, packages: [] },
  config: { rooms: ['domain', 'yaml', ...SHARED], node: true, packages: ['zod'] },
  yaml: { rooms: SHARED, node: true, packages: ['yaml', 'zod'] },
  log: { rooms: SHARED, node: true, packages: ['pino'] },
  'job-schema': { rooms: ['domain', ...SHARED], node: false, packages: ['zod'] },
  'job-file': {
    rooms: ['domain', 'yaml', 'job-schema', 'ledger', ...SHARED],
    node: true,
    packages: ['zod'],
  },
  detect: {
    rooms: ['domain', 'yaml', ...SHARED],
    node: true,
    packages: ['zod', 'yaml', 'drivelist', 'systeminformation', 'node-disk-info'],
  },
  loopback: { rooms: ['domain', 'detect', ...SHARED], node: true, packages: ['zod', 'yaml'] },
  volumes: { rooms: ['domain', ...SHARED], node: true, packages: ['zod'] },
  formats: { rooms: ['domain', ...SHARED], node: true, packages: ['zod'] },
  blobs: {
    rooms: ['domain', ...SHARED],
    node: true,
    packages: ['zod', '@azure/storage-blob', '@azure/identity', '@azure/core-rest-pipeline'],
  },
  copy: {
    rooms: ['domain', 'volumes', 'formats', 'blobs', ...SHARED],
    node: true,
    packages: ['zod'],
  },
  ledger: { rooms: ['domain', ...SHARED], node: true, packages: ['zod', 'kysely', 'better-queue'] },
  serve: { rooms: ['domain', 'ledger', ...SHARED], node: true, packages: ['zod', 'fastify', 'ws'] },
  console: { rooms: ['serve'], node: false, packages: ['lit-html'] },
  client: {
    rooms: ['domain', 'serve', 'console', ...SHARED],
    node: true,
    packages: ['zod', 'ws', 'commander'],
  },
  work: {
    rooms: ['domain', 'detect', 'copy', 'blobs', 'ledger', 'serve', 'job-file', ...SHARED],
    node: true,
    packages: [],
  },
};
/** May import every room: they put the parts together. */
const EVERYTHING = new Set(['station', 'main', 'commands', 'demo']);
/** The only room whose imports from `serve` must be types, and of this one file. */
const CONSOLE_SEES = 'serve/wire.ts';

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
  if (EVERYTHING.has(room)) return undefined;
  const rule = ROOMS[room];
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
  if (other === room || rule.rooms.includes(other)) {
    const typesOnly = statement.startsWith('import type');
    const wireOnly = room !== 'console' || other === room || (path === CONSOLE_SEES && typesOnly);
    return wireOnly ? undefined : `${file}: console sees only the types of ${CONSOLE_SEES}`;
  }
  return `${file}: ${room} may not import ${other}`;
}

test('every import goes where the plan of the house allows it', async () => {
  const imports = await allImports();
  expect(imports.length).toBeGreaterThan(100);
  expect(imports.map(complaint).filter((words) => words !== undefined)).toEqual([]);
});

test('the check sees a forbidden import', () => {
  const from = (file: string, target: string) =>
    complaint({ file, room: roomOf(file), target, statement: `import '${target}'` });
  expect(from('domain/plan.ts', 'node:fs')).toBeDefined();
  expect(from('domain/plan.ts', '../errors.ts')).toBeDefined();
  expect(from('copy/worker.ts', '../ledger/contract.ts')).toBeDefined();
  expect(from('detect/sysfs.ts', 'kysely')).toBeDefined();
  expect(from('console/main.ts', '../serve/http.ts')).toBeDefined();
});

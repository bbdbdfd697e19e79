import { existsSync } from 'node:fs';
import { HOUSE, type Room, SHARED } from '../house.ts';
import { code, mermaid, table } from './markdown.ts';

/** The rooms, in the order in which a reader meets them, with what each may import. */
export function roomsTable(): string {
  const rows = HOUSE.map((room) => [
    code(pathOf(room)),
    room.what,
    importsOf(room),
    packagesOf(room),
  ]);
  return table(['room', 'what is in it', 'may import', 'packages'], rows);
}

/** Who may import whom. What every room may import, and who may import everything, is left out. */
export function dependencyDiagram(): string {
  const drawn = HOUSE.filter(({ name, rooms }) => rooms !== 'everything' && !isShared(name));
  const arrows = drawn.flatMap(({ name, rooms }) =>
    (rooms === 'everything' ? [] : rooms)
      .filter((other) => !isShared(other))
      .map((other) => `  ${idOf(name)} --> ${idOf(other)}`),
  );
  const nodes = drawn.map(({ name }) => `  ${idOf(name)}["${name}"]`);
  return mermaid(['flowchart TD', ...nodes, ...arrows]);
}

function pathOf({ name }: Room): string {
  const file = `src/${name}.ts`;
  return existsSync(new URL(`../../${file}`, import.meta.url)) ? file : `src/${name}/`;
}

function importsOf({ rooms }: Room): string {
  if (rooms === 'everything') return 'everything';
  return rooms.length === 0 ? 'nothing' : rooms.map(code).join(', ');
}

function packagesOf({ node, packages }: Room): string {
  const all = [...(node ? ['node:*'] : []), ...packages];
  return all.length === 0 ? 'none' : all.map(code).join(', ');
}

function isShared(name: string): boolean {
  return SHARED.some((shared) => shared === name);
}

/** Mermaid takes no hyphen in an id. */
function idOf(name: string): string {
  return name.replaceAll('-', '_');
}

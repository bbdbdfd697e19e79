import type { OwnUse } from '../domain/disk.ts';
import type { BlockNode, Mount, UsageInput } from './mounts.ts';

/**
 * Which disks are the station's own. Pure. A disk is own when it, a partition of it, or anything that
 * is stacked on them holds a mount (any mount), swap or the state directory, or is held by another
 * device. Being wrong in this direction costs a question; in the other it costs a disk.
 */
export function ownUses(input: UsageInput): ReadonlyMap<string, readonly OwnUse[]> {
  const uppers = uppersOf(input.nodes);
  const stateMount = mountOf(input.stateDirectory, input.mounts);
  const answers = new Map<string, readonly OwnUse[]>();
  for (const disk of input.nodes) {
    if (disk.parent !== undefined) continue;
    const uses = [...reach(disk, uppers)].flatMap((node) =>
      usesOf(node, { input, uppers, stateMount }),
    );
    answers.set(disk.name, distinct(uses));
  }
  return answers;
}

export function devicePathOf(name: string): string {
  // sysfs cannot have a slash in a name and prints `!` for it.
  return `/dev/${name.replaceAll('!', '/')}`;
}

type Uppers = ReadonlyMap<string, readonly Upper[]>;

interface Upper {
  readonly node: BlockNode;
  readonly kind: 'partition' | 'holder';
}

/** For each device, what lies directly on it. */
function uppersOf(nodes: readonly BlockNode[]): Uppers {
  const uppers = new Map<string, Upper[]>();
  const add = (lower: string, upper: Upper) =>
    uppers.set(lower, [...(uppers.get(lower) ?? []), upper]);
  for (const node of nodes) {
    if (node.parent !== undefined) add(node.parent, { node, kind: 'partition' });
    for (const slave of node.slaves) add(slave, { node, kind: 'holder' });
    // A loop device over a disk appears in no list of holders.
    const below = node.backingFile?.startsWith('/dev/') ? node.backingFile.slice(5) : undefined;
    if (below !== undefined) add(below, { node, kind: 'holder' });
  }
  return uppers;
}

/** The disk and everything above it; a device is visited once, whatever the links say. */
function reach(disk: BlockNode, uppers: Uppers): ReadonlySet<BlockNode> {
  const seen = new Set<BlockNode>([disk]);
  for (const node of seen) {
    for (const upper of uppers.get(node.name) ?? []) seen.add(upper.node);
  }
  return seen;
}

interface Context {
  readonly input: UsageInput;
  readonly uppers: Uppers;
  readonly stateMount: Mount | undefined;
}

function usesOf(node: BlockNode, context: Context): OwnUse[] {
  const { input, uppers, stateMount } = context;
  const device = deviceOf(node);
  const here = input.mounts.filter((mount) => isOf(mount, node));
  const uses: OwnUse[] = here.map(({ mountpoint }) => ({ kind: 'mounted', device, mountpoint }));
  if (here.length === 0 && input.mountedDevices.includes(node.name)) {
    uses.push({ kind: 'mounted', device, mountpoint: 'a place out of sight of this process' });
  }
  if (input.swaps.some((swap) => namesOf(node).includes(swap))) uses.push({ kind: 'swap', device });
  for (const upper of uppers.get(node.name) ?? []) {
    if (upper.kind === 'partition') continue;
    uses.push({ kind: 'holder', device, holder: deviceOf(upper.node) });
  }
  if (stateMount !== undefined && isOf(stateMount, node)) {
    uses.push({ kind: 'state-directory', device, directory: input.stateDirectory });
  }
  return uses;
}

/** btrfs shows an anonymous device number, so the source counts as well. */
function isOf(mount: Mount, node: BlockNode): boolean {
  return mount.deviceNumber === node.deviceNumber || namesOf(node).includes(mount.source);
}

function namesOf(node: BlockNode): string[] {
  const plain = devicePathOf(node.name);
  return node.mapperName === undefined ? [plain] : [plain, `/dev/mapper/${node.mapperName}`];
}

function deviceOf(node: BlockNode): string {
  return namesOf(node).at(-1) ?? node.name;
}

/** The mount that holds a path: of those with the longest mount point, the last one mounted. */
function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let best: Mount | undefined;
  for (const mount of mounts) {
    const inside = path === mount.mountpoint || path.startsWith(`${trimSlash(mount.mountpoint)}/`);
    if (inside && mount.mountpoint.length >= (best?.mountpoint.length ?? 0)) best = mount;
  }
  return best;
}

function trimSlash(path: string): string {
  return path.replace(/\/$/u, '');
}

function distinct(uses: readonly OwnUse[]): OwnUse[] {
  const byText = new Map(uses.map((use) => [JSON.stringify(use), use]));
  return [...byText.values()];
}

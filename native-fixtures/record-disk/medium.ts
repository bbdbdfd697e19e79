import type { Operation } from './operations.ts';

/**
 * What a recording can have left on the medium when the machine stopped after so many operations.
 *
 * A process that dies leaves all that it did. A power cut leaves what was forced to the medium, and of
 * the rest whatever the hardware had got to. The rules are the strict ones of POSIX, stricter than any
 * one file system: fsync of a file makes its bytes safe and not its name; fsync of a directory makes
 * safe which names are in it; a rename is there or it is not, and forcing either directory forces it;
 * changes of one name happen in their order.
 */

/** A file or a directory, whatever its names. */
export interface Node {
  readonly kind: 'file' | 'directory';
  readonly number: number;
}

interface Common {
  /** Which operation of the recording it is. */
  readonly at: number;
  /** The operation that forced it to the medium; infinite when none did. */
  safeAt: number;
}

export interface ContentChange extends Common {
  readonly file: Node;
  readonly offsetBytes: number;
  /** `undefined` where the file was cut or extended to the offset. */
  readonly bytes: Buffer | undefined;
}

interface Name {
  readonly directory: Node;
  readonly name: string;
}

interface NameChange extends Common {
  readonly removed: Name | undefined;
  readonly added: (Name & { readonly node: Node }) | undefined;
}

/** One thing that the medium can hold. */
export interface MediumState {
  readonly root: Node;
  /** Of each directory that was ever there. */
  readonly names: ReadonlyMap<Node, ReadonlyMap<string, Node>>;
  readonly content: ReadonlyMap<Node, readonly ContentChange[]>;
}

/** Whether a change that was not forced to the medium is on it all the same. */
export type Survives = (change: { readonly at: number }) => boolean;

export class Medium {
  readonly root: Node = { kind: 'directory', number: 0 };
  readonly #nodes = new Map<string, Node>();
  readonly #contents: ContentChange[] = [];
  readonly #names: NameChange[] = [];
  readonly #tree = new Map<Node, Map<string, Node>>([[this.root, new Map()]]);

  constructor(operations: readonly Operation[]) {
    for (const [at, operation] of operations.entries()) this.#apply(operation, at);
  }

  /** After the first `length` operations, with what was not safe by then as `survives` says. */
  after(length: number, survives: Survives): MediumState {
    const isThere = (change: Common) =>
      change.at < length && (change.safeAt < length || survives(change));
    const names = new Map<Node, Map<string, Node>>();
    for (const change of this.#names) {
      if (isThere(change)) rename(names, change);
    }
    const content = new Map<Node, ContentChange[]>();
    for (const change of this.#contents) {
      if (!isThere(change)) continue;
      const changes = content.get(change.file) ?? [];
      content.set(change.file, changes);
      changes.push(change);
    }
    return { root: this.root, names, content };
  }

  /** The changes that a power cut after so many operations can take back, in order. */
  unsafe(length: number): readonly { readonly at: number }[] {
    return [...this.#contents, ...this.#names]
      .filter(({ at, safeAt }) => at < length && safeAt >= length)
      .sort((a, b) => a.at - b.at);
  }

  /** The changes of names that must be there when this one is. */
  before(at: number): number[] {
    const change = this.#names.find((candidate) => candidate.at === at);
    return change === undefined ? [] : this.#withEarlier([change], at).map((found) => found.at);
  }

  /** The change that an operation made to the content of a file. */
  contentChange(at: number): ContentChange | undefined {
    return this.#contents.find((change) => change.at === at);
  }

  #apply(operation: Operation, at: number): void {
    switch (operation.kind) {
      case 'create':
      case 'mkdir':
        this.#add(operation.path, this.#made(operation), at);
        break;
      case 'link':
        this.#add(operation.path, this.#known(operation.inode), at);
        break;
      case 'write':
        this.#change(operation.inode, operation.offsetBytes, operation.bytes, at);
        break;
      case 'truncate':
        this.#change(operation.inode, operation.sizeBytes, undefined, at);
        break;
      case 'rename':
        this.#rename(operation.from, operation.to, at);
        break;
      case 'unlink':
      case 'rmdir':
        this.#noteName({ removed: this.#placeOf(operation.path), added: undefined, at });
        break;
      case 'sync':
        this.#syncFile(this.#known(operation.inode), at);
        break;
      case 'sync-directory':
        this.#syncDirectory(this.#nodes.get(operation.inode) ?? this.root, at);
        break;
      case 'chmod':
      case 'mark':
        break;
    }
  }

  #made({ kind, inode }: { readonly kind: 'create' | 'mkdir'; readonly inode: string }): Node {
    const number = this.#names.length + 1;
    const node: Node = { kind: kind === 'mkdir' ? 'directory' : 'file', number };
    this.#nodes.set(inode, node);
    return node;
  }

  #known(inode: string): Node {
    const node = this.#nodes.get(inode);
    if (node === undefined) throw new TypeError(`the recording has no beginning of inode ${inode}`);
    return node;
  }

  #add(path: string, node: Node, at: number): void {
    this.#noteName({ removed: undefined, added: { ...this.#placeOf(path), node }, at });
  }

  #rename(from: string, to: string, at: number): void {
    const removed = this.#placeOf(from);
    const node = this.#tree.get(removed.directory)?.get(removed.name);
    if (node === undefined) throw new TypeError(`the recording has no beginning of ${from}`);
    this.#noteName({ removed, added: { ...this.#placeOf(to), node }, at });
  }

  #placeOf(path: string): Name {
    const names = path.split('/').slice(1);
    const name = names.pop() ?? '';
    let directory = this.root;
    for (const step of names) {
      const next = this.#tree.get(directory)?.get(step);
      if (next === undefined) throw new TypeError(`the recording has no beginning of ${path}`);
      directory = next;
    }
    return { directory, name };
  }

  #noteName(change: Omit<NameChange, 'safeAt'>): void {
    this.#names.push({ ...change, safeAt: Number.POSITIVE_INFINITY });
    rename(this.#tree, change);
  }

  #change(inode: string, offsetBytes: number, bytes: Buffer | undefined, at: number): void {
    const safeAt = Number.POSITIVE_INFINITY;
    this.#contents.push({ at, safeAt, file: this.#known(inode), offsetBytes, bytes });
  }

  #syncFile(file: Node, at: number): void {
    for (const change of this.#contents) {
      if (change.file === file) change.safeAt = Math.min(change.safeAt, at);
    }
  }

  #syncDirectory(directory: Node, at: number): void {
    const forced = this.#names.filter(
      (change) =>
        change.safeAt > at && placesOf(change).some((place) => place.directory === directory),
    );
    for (const change of this.#withEarlier(forced, at)) change.safeAt = Math.min(change.safeAt, at);
  }

  /** These changes and the earlier ones of the same names, and of theirs. */
  #withEarlier(changes: readonly NameChange[], upTo: number): NameChange[] {
    const found = new Set(changes);
    for (const change of this.#names.filter(({ at }) => at <= upTo).reverse()) {
      const isNeeded = [...found].some((later) => later.at > change.at && shareName(later, change));
      if (isNeeded) found.add(change);
    }
    return [...found];
  }
}

function rename(
  tree: Map<Node, Map<string, Node>>,
  { removed, added }: Pick<NameChange, 'removed' | 'added'>,
): void {
  if (removed !== undefined) tree.get(removed.directory)?.delete(removed.name);
  if (added === undefined) return;
  const names = tree.get(added.directory) ?? new Map<string, Node>();
  tree.set(added.directory, names.set(added.name, added.node));
}

function placesOf({ removed, added }: NameChange): Name[] {
  return [removed, added].filter((place) => place !== undefined);
}

function shareName(a: NameChange, b: NameChange): boolean {
  const others = placesOf(b);
  return placesOf(a).some((place) =>
    others.some((other) => other.directory === place.directory && other.name === place.name),
  );
}

import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { messageOf } from './errors.ts';

export type YamlAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Checking that keys are unique takes quadratic time; nothing of ours has as many lines. */
const MAX_LINES = 5000;
const MAX_PROBLEMS = 20;
const MAX_ALIASES = 100;
/** Words put together as in `returnAddress`, `return_address`; the longest key of ours has 24. */
const KEY_OF_WORDS = /^(?=.{1,24}$)[a-z]+(?:[A-Z_-][a-z]+)*$/u;
/** What is shown of a key that is none of words: enough to find it, too little of a secret. */
const SHOWN_KEY_LENGTH = 8;

interface Source {
  readonly file: string;
  readonly document: Document;
  readonly lineCounter: LineCounter;
}

/**
 * Reads YAML (JSON is YAML too) through a schema; each problem is `file:line:column: path: what`, an
 * unknown key at the key, a wrong value at the value. Never throws, whatever the text.
 */
export function parseYaml<T>(text: string, file: string, schema: z.ZodType<T>): YamlAnswer<T> {
  const lines = text.split('\n').length;
  if (lines > MAX_LINES) return refused([`${file}: ${lines} lines are too many`]);
  const lineCounter = new LineCounter();
  // Its warnings quote the text, and nobody asked for them.
  const options = { lineCounter, uniqueKeys: true, logLevel: 'error' } as const;
  const document = parseDocument(text, options);
  const source = { file, document, lineCounter };
  if (document.errors.length > 0) {
    return refused(
      document.errors.map((error) => {
        return at(source, error.pos[0], wordsOf(error.message));
      }),
    );
  }
  return throughSchema(source, schema);
}

/** What is wrong without the text that it quotes: that can be a piece of a secret. */
function wordsOf(message: string): string {
  return (message.split('\n')[0] ?? '').replace(/(?<=\S): .*$/u, '');
}

function throughSchema<T>(source: Source, schema: z.ZodType<T>): YamlAnswer<T> {
  let content: unknown;
  try {
    content = source.document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    // Aliases that multiply, or that name no anchor.
    return refused([`${source.file}:1:1: cannot be read as YAML: ${wordsOf(messageOf(error))}`]);
  }
  // An empty file is an empty map: everything has a default.
  const result = schema.safeParse(content ?? {});
  if (result.success) return { ok: true, value: result.data };
  return refused(result.error.issues.flatMap((issue) => problemsOf(source, issue)));
}

function refused(problems: readonly string[]): { ok: false; problems: readonly string[] } {
  return { ok: false, problems };
}

/**
 * A key that nobody knows, as problems name it. One that is not made of words can be a piece of
 * something else that slipped into its place, a secret for instance.
 */
export function shownKey(key: string): string {
  if (KEY_OF_WORDS.test(key) || key.length <= SHOWN_KEY_LENGTH) return key;
  return `${key.slice(0, SHOWN_KEY_LENGTH)}…`;
}

/** The problems to show; more than a person reads are counted only. */
export function firstProblems(problems: readonly string[]): readonly string[] {
  const more = problems.length - MAX_PROBLEMS;
  return more > 0 ? [...problems.slice(0, MAX_PROBLEMS), `and ${more} more`] : problems;
}

function problemsOf(source: Source, issue: z.core.$ZodIssue): string[] {
  const where = (path: readonly PropertyKey[]) => path.map(String).join('.') || 'file';
  if (issue.code !== 'unrecognized_keys') {
    const { path, message } = issue;
    return [at(source, valueOffset(source.document, path), `${where(path)}: ${message}`)];
  }
  return issue.keys.map((key) => {
    const offset = keyOffset(source.document, issue.path, key);
    return at(source, offset, `${where([...issue.path, shownKey(key)])}: unknown key`);
  });
}

function at({ file, lineCounter }: Source, offset: number, words: string): string {
  const { line, col } = lineCounter.linePos(offset);
  return `${file}:${line}:${col}: ${words}`;
}

/** Where the value lies, or the innermost thing around a value that is missing. */
function valueOffset(document: Document, path: readonly PropertyKey[]): number {
  for (let depth = path.length; depth >= 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

function keyOffset(document: Document, path: readonly PropertyKey[], key: string): number {
  const map = path.length === 0 ? document.contents : document.getIn(path, true);
  const pair = isMap(map)
    ? map.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
    : undefined;
  return isNode(pair?.key) && pair.key.range ? pair.key.range[0] : valueOffset(document, path);
}

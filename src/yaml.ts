import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';

export type YamlAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads YAML (JSON is YAML too) through a schema; each problem is `file:line:column: path: what`. */
export function parseYaml<T>(text: string, file: string, schema: z.ZodType<T>): YamlAnswer<T> {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, uniqueKeys: true });
  if (document.errors.length > 0) {
    const problems = document.errors.slice(0, 20).map((error) => {
      const { line, col } = lineCounter.linePos(error.pos[0]);
      return `${file}:${line}:${col}: ${error.message.split('\n')[0]}`;
    });
    return { ok: false, problems };
  }
  // An empty file is an empty map: everything has a default.
  const result = schema.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {});
  if (result.success) return { ok: true, value: result.data };
  const problems = result.error.issues.flatMap((issue) =>
    issuePaths(issue).map((path) => {
      const { line, col } = positionOf(document, path, lineCounter);
      const where = path.map(String).join('.') || 'file';
      return `${file}:${line}:${col}: ${where}: ${wordsOf(issue)}`;
    }),
  );
  return { ok: false, problems };
}

/** An unknown key is reported at the key, not at the map that holds it. */
function issuePaths(issue: z.core.$ZodIssue): PropertyKey[][] {
  if (issue.code !== 'unrecognized_keys') return [[...issue.path]];
  return issue.keys.map((key) => [...issue.path, key]);
}

function wordsOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'unrecognized_keys' ? 'unknown key' : issue.message;
}

function positionOf(
  document: ReturnType<typeof parseDocument>,
  path: readonly PropertyKey[],
  lineCounter: LineCounter,
): { line: number; col: number } {
  for (let depth = path.length; depth >= 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true);
    const range = (node as { range?: [number, number, number] } | undefined)?.range;
    if (range) return lineCounter.linePos(range[0]);
  }
  return { line: 1, col: 1 };
}

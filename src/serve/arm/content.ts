import type { z } from 'zod';
import { type ArmAnswer, type ArmProblem, refusal } from './answer.ts';

/** Reading a request body: bounded in depth, `null` as if it were absent, every problem named. */

/** The deepest published body has five levels. */
const MAX_DEPTH = 20;
/** More problems than a person reads are left out. */
const MAX_PROBLEMS = 20;
const MISSING = 'is missing';

export type Content<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: ArmAnswer };

export function contentOf<T extends z.ZodType>(schema: T, body: unknown): Content<z.output<T>> {
  const invalid = (message: string): Content<never> => {
    return { ok: false, refusal: refusal(400, { code: 'InvalidRequestContent', message }) };
  };
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return invalid('The request content must be a JSON object.');
  }
  if (depthOf(body) > MAX_DEPTH) {
    return invalid(`The request content is nested more than ${MAX_DEPTH} levels deep.`);
  }
  const answer = schema.safeParse(withoutNulls(body), {
    error: ({ input, code }) => (code !== 'custom' && input === undefined ? MISSING : undefined),
  });
  if (answer.success) return { ok: true, value: answer.data };
  return { ok: false, refusal: contentRefusal(answer.error.issues) };
}

function contentRefusal(issues: readonly z.core.$ZodIssue[]): ArmAnswer {
  const details: ArmProblem[] = issues.slice(0, MAX_PROBLEMS).map(({ path, message }) => {
    const code = message === MISSING ? 'MissingRequiredParameter' : 'InvalidParameter';
    const target = targetOf(path);
    return { code, message: `${target}: ${message}`, target };
  });
  const onlyMissing = details.every(({ code }) => code === 'MissingRequiredParameter');
  const code = onlyMissing ? 'MissingRequiredParameter' : 'InvalidRequestContent';
  const words = details.map(({ message }) => message).join('; ');
  return refusal(400, { code, message: `The request content was invalid: ${words}` }, details);
}

/** `properties.driveList[0].driveId`. */
function targetOf(path: readonly PropertyKey[]): string {
  const parts = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`));
  return parts.join('').replace(/^\./u, '');
}

/** Level by level and not by recursion: the text can be nested as deep as it is long. */
function depthOf(body: object): number {
  let level: unknown[] = [body];
  let depth = 0;
  while (level.length > 0 && depth <= MAX_DEPTH) {
    depth += 1;
    level = level.flatMap((item) =>
      Object.values(item ?? {}).filter((value) => typeof value === 'object' && value !== null),
    );
  }
  return depth;
}

/** Only for what is known to be shallow. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(kept.map(([name, member]) => [name, withoutNulls(member)]));
}

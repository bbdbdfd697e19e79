import type { z } from 'zod';

/** What stands in a small file of JSON; `undefined` for half of one, as a killed daemon can leave it. */
export function readNote<T extends z.ZodType>(schema: T, text: string): z.output<T> | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

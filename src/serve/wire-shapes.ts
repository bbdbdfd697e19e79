import { z } from 'zod';

/** What the schemas of the wire are made of. */

export const text = z.string();
export const time = z.iso.datetime({ offset: true });
export const bytes = z.int().min(0);
export const list = <T extends z.ZodType>(item: T) => z.array(item).readonly();
/** Says at compile time that every member of a union of the domain is in the schema's list. */
export const oneOf = <T extends string>(members: { readonly [Member in T]: null }) => {
  const names = Object.keys(members).filter((name): name is T => name in members);
  return z.enum(names);
};

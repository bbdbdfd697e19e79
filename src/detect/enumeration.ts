import { z } from 'zod';

/**
 * What the enumerating child prints: the answers of `drivelist` and `systeminformation`, cut down to
 * what identity and ownership use. A disk that is missing here is not gone, and `isSystem` is true of
 * every disk that cannot be hot-plugged: neither decides anything.
 */
export const enumerationSchema = z.object({
  drives: z.array(
    z.object({
      device: z.string(),
      busType: z.string(),
      isReadOnly: z.boolean(),
      isSystem: z.boolean(),
      blockSize: z.number(),
      mountpoints: z.array(z.object({ path: z.string() })),
    }),
  ),
  blockDevices: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      model: z.string().nullish().transform(orNothing),
      serial: z.string().nullish().transform(orNothing),
      protocol: z.string().nullish().transform(orNothing),
      removable: z.boolean(),
    }),
  ),
  /** Packages that gave no answer, with their words. */
  failures: z.array(z.string()),
});

export type Enumeration = z.output<typeof enumerationSchema>;

function orNothing(text: string | null | undefined): string | undefined {
  return text ?? undefined;
}

import { z } from 'zod';

export const probeOptionsSchema = z.object({
  loopbackDirectory: z.string(),
  stateDirectory: z.string(),
  settleMs: z.number(),
  scanIntervalMs: z.number(),
  safetyScanIntervalMs: z.number(),
  bays: z.record(z.string(), z.string()),
});

export type ProbeOptions = z.output<typeof probeOptionsSchema>;

export const probeLineSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('log'), message: z.string() }),
  z.object({ kind: z.literal('closed') }),
  z.object({
    kind: z.literal('facts'),
    mode: z.enum(['udev', 'periodic']),
    known: z.boolean(),
    disks: z.array(
      z.object({
        key: z.string(),
        devicePath: z.string(),
        exclusion: z.string().optional(),
        identity: z.object({ serials: z.array(z.object({ source: z.string(), raw: z.string() })) }),
      }),
    ),
  }),
]);

export type ProbeLine = z.output<typeof probeLineSchema>;

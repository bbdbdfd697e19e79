import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { DiskHealth } from '../domain/disk.ts';
import { findTool, runChildScript, toolPath } from './child-script.ts';

const GUARDED_TOOLS = fileURLToPath(new URL('guarded-tools', import.meta.url));

const healthSchema = z.array(
  z.object({
    device: z.string(),
    smartStatus: z.string(),
    temperature: z.number().nullable(),
  }),
);

export interface HealthProbe {
  readonly devicePath: string;
  /** Milliseconds until smartctl is abandoned; `TOOL_DEADLINE_MS` unless given. */
  readonly deadlineMs?: number;
  /** smartctl hangs at the disk; with the id of its process group. */
  readonly onAbandoned?: (group: number) => void;
}

type DiskLayout = z.output<typeof healthSchema>;

/**
 * Asks one disk how it is: its SMART self-assessment through `systeminformation`. To be called once
 * an attachment and before the copy, never during one. The disk is opened by smartctl; no other disk
 * is touched. Any failure, the deadline included, is `unknown`: health never decides over a copy.
 */
export async function probeHealth(
  { devicePath, deadlineMs, onAbandoned }: HealthProbe,
  signal: AbortSignal,
): Promise<DiskHealth> {
  if (signal.aborted || basename(devicePath).startsWith('loop')) return { status: 'unknown' };
  const smartctl = await findTool('smartctl');
  if (smartctl === undefined) return { status: 'unknown' };
  try {
    const layout = await runChildScript(
      {
        script: 'health-child.ts',
        schema: healthSchema,
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
        ...(onAbandoned === undefined ? {} : { onAbandoned }),
        env: {
          PATH: toolPath(GUARDED_TOOLS),
          DRIVE_STATION_SMART_DEVICE: devicePath,
          DRIVE_STATION_SMARTCTL: smartctl,
        },
      },
      signal,
    );
    return healthOf(devicePath, layout);
  } catch {
    return { status: 'unknown' };
  }
}

/** Reads one disk's health out of a disk layout. */
export function healthOf(devicePath: string, layout: DiskLayout): DiskHealth {
  const disk = layout.find((item) => item.device === devicePath);
  const temperature = disk?.temperature ?? undefined;
  const measured = temperature === undefined ? {} : { temperatureC: temperature };
  if (disk?.smartStatus === 'Ok') return { status: 'passed', ...measured };
  if (disk?.smartStatus === 'Predicted Failure') return { status: 'failing', ...measured };
  return { status: 'unknown' };
}

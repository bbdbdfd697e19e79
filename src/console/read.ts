import type { ServerMessage } from '../serve/wire.ts';

/**
 * Reads a message of the station that served this page. The daemon and its page are of one version,
 * so what is checked here is that the message is whole and of a known kind; the schemas themselves
 * stay on the other side.
 */
export function readMessage(data: unknown): ServerMessage | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    const message: unknown = JSON.parse(data);
    return isServerMessage(message) ? message : undefined;
  } catch {
    // Not JSON: the answer is the same as for JSON of no known kind.
    return undefined;
  }
}

function isServerMessage(value: unknown): value is ServerMessage {
  if (!isRecord(value)) return false;
  const { type, sequence, changes, view, station } = value;
  if (type === 'delta') return Number.isInteger(sequence) && Array.isArray(changes);
  if (type === 'snapshot') return Number.isInteger(sequence) && isView(view);
  if (type === 'hello') return isRecord(station);
  return type === 'ping' || type === 'error';
}

function isView(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { station, jobs, drives, disks, alerts } = value;
  return isRecord(station) && [jobs, drives, disks, alerts].every(Array.isArray);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

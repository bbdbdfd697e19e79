import { randomUUID } from 'node:crypto';
import { access, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfCancelled } from '../errors.ts';
import { VOLUME_CLOSE_GRACE_MS } from '../limits.ts';
import { bekFile } from './bek-file.ts';
import type { Opened } from './master-key.ts';
import { runVolumeTool } from './tools.ts';
import type { Plaintext, UnlockOrder } from './unlock.ts';

const POLL_MS = 20;
/** Clearing up is not cancelled; each step has a deadline of its own. */
const UNSTOPPABLE = new AbortController().signal;

/**
 * Unlocks with the kernel's device mapper. The key goes through standard input. Like the loop device,
 * the mapping is given up as soon as we hold it open, so that the kernel removes it at the last close.
 * Throws `tool-failed`, `tool-timed-out`, `cancelled`.
 */
export async function unlockWithCryptsetup(
  { devicePath, unlockable }: UnlockOrder,
  signal: AbortSignal,
): Promise<Plaintext> {
  throwIfCancelled(signal);
  const name = `drive-station-${randomUUID()}`;
  const path = `/dev/mapper/${name}`;
  const args = [...openArgs(devicePath), name];
  await runVolumeTool(
    { tool: 'cryptsetup', args, input: keyInput(unlockable.opened) },
    UNSTOPPABLE,
  );
  try {
    const hold = await open(path, 'r');
    const close = async () => {
      await hold.close();
      return (await isGone(path)) ? [] : [`the mapping ${path}`];
    };
    return { path, isBlockDevice: true, close };
  } finally {
    await runVolumeTool({ tool: 'cryptsetup', args: ['close', '--deferred', name] }, UNSTOPPABLE);
  }
}

/** Everything but the name of the mapping. */
export function openArgs(devicePath: string): readonly string[] {
  return ['bitlkOpen', '--readonly', '--batch-mode', '--key-file', '-', devicePath];
}

/** What `cryptsetup` reads as the key: the recovery key or passphrase as typed, or a .BEK file. */
export function keyInput({ key, protector }: Pick<Opened, 'key' | 'protector'>): Buffer {
  if (key.kind === 'external-key') return bekFile(key.secret.reveal(), protector.guid);
  return key.text.reveal();
}

async function isGone(path: string): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < VOLUME_CLOSE_GRACE_MS; waitedMs += POLL_MS) {
    try {
      await access(path);
    } catch {
      return true;
    }
    await sleep(POLL_MS);
  }
  return false;
}

import { createDecipheriv, hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { throwIfCancelled } from '../errors.ts';
import { BITLOCKER_PROTECTORS_MAX } from '../limits.ts';
import { Secret, type VolumeKey } from './bitlocker-key.ts';
import { type EncryptedKey, type Protector, plainKeyOf } from './bitlocker-protectors.ts';

/**
 * Whether a key opens a protector is computed here and not read from what a tool prints: the
 * encrypted master key carries a tag that only the right key satisfies. So "wrong key" and "the tool
 * failed" are never confused, and the tool gets a key that is known to be right.
 */

/** Rounds of SHA-256 between what a person types and the key; about two seconds of one core. */
const STRETCH_ROUNDS = 0x10_0000;
/** Rounds after which others in this process get a turn. */
const ROUNDS_A_TURN = 0x4000;
const MASTER_KEY_BYTES = 32;

export interface Opened {
  readonly masterKey: Secret;
  readonly key: VolumeKey;
  readonly protector: Protector;
}

/** The first key that opens a protector of its kind; `undefined` when none does. */
export async function openProtector(
  protectors: readonly Protector[],
  keys: readonly VolumeKey[],
  signal: AbortSignal,
): Promise<Opened | undefined> {
  for (const key of keys) {
    const suited = protectors.filter((protector) => fits(protector, key));
    for (const protector of suited.slice(0, BITLOCKER_PROTECTORS_MAX)) {
      const masterKey = await tryKey(protector, key, signal);
      if (masterKey !== undefined) return { masterKey, key, protector };
    }
  }
  return undefined;
}

function fits(protector: Protector, key: VolumeKey): boolean {
  if (protector.kind !== key.kind) return false;
  return key.kind !== 'external-key' || key.guid === undefined || key.guid === protector.guid;
}

async function tryKey(
  { salt, masterKey }: Protector,
  key: VolumeKey,
  signal: AbortSignal,
): Promise<Secret | undefined> {
  if (masterKey === undefined) return undefined;
  if (key.kind === 'external-key') return decrypt(masterKey, key.secret.reveal());
  if (salt === undefined) return undefined;
  const first = sha256(key.secret.reveal());
  const typed = key.kind === 'passphrase' ? sha256(first) : first;
  return decrypt(masterKey, await stretch(typed, salt, signal));
}

/** Each round hashes the last digest, the first one, the salt and the number of the round. */
async function stretch(typed: Buffer, salt: Buffer, signal: AbortSignal): Promise<Buffer> {
  const round = Buffer.alloc(88);
  typed.copy(round, 32);
  salt.copy(round, 64);
  for (let count = 0; count < STRETCH_ROUNDS; count++) {
    if (count % ROUNDS_A_TURN === 0) {
      throwIfCancelled(signal);
      await turn();
    }
    round.writeUInt32LE(count, 80);
    sha256(round).copy(round, 0);
  }
  return Buffer.from(round.subarray(0, 32));
}

function sha256(bytes: Buffer): Buffer {
  return hash('sha256', bytes, 'buffer');
}

function decrypt({ nonce, tag, data }: EncryptedKey, key: Buffer): Secret | undefined {
  if (key.length !== 32) return undefined;
  const decipher = createDecipheriv('aes-256-ccm', key, nonce, { authTagLength: tag.length });
  decipher.setAuthTag(tag);
  try {
    const entry = decipher.update(data);
    decipher.final();
    const masterKey = plainKeyOf(entry);
    return masterKey?.length === MASTER_KEY_BYTES ? new Secret(masterKey) : undefined;
  } catch {
    return undefined;
  }
}

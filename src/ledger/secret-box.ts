import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asStateDiskError, errnoOf, messageOf, StationError } from '../errors.ts';

/**
 * Seals what nobody may read in a copy of the ledger: AES-256-GCM under a key that lies outside the
 * database. The text is bound to the place that it is kept at, so that a sealed secret moved to
 * another row does not open.
 */
export interface SecretBox {
  /** What everything begins with that was sealed with this key. */
  readonly mark: string;
  seal(secret: string, place: string): string;
  /** Throws `secret-unreadable`. */
  open(sealed: string, place: string): string;
}

export const SECRET_KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = 'v1';

export function secretBox(key: Uint8Array): SecretBox {
  if (key.length !== SECRET_KEY_BYTES) {
    const detail = `a key has ${SECRET_KEY_BYTES} bytes, not ${key.length}`;
    throw new StationError('internal-error', detail, { detail });
  }
  const keyId = createHash('sha256').update(key).digest('hex').slice(0, 8);
  const mark = `${VERSION}.${keyId}.`;
  return {
    mark,
    seal(secret, place) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      cipher.setAAD(Buffer.from(place));
      const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
      const box = Buffer.concat([nonce, text, cipher.getAuthTag()]);
      return `${mark}${box.toString('base64url')}`;
    },
    open(sealed, place) {
      const [version, sealedWith, text = ''] = sealed.split('.');
      if (version !== VERSION) throw unreadable(place, 'it is in no known form');
      if (sealedWith !== keyId) {
        throw unreadable(place, `it was sealed with key ${sealedWith}, this station has ${keyId}`);
      }
      return unseal(key, Buffer.from(text, 'base64url'), place);
    },
  };
}

function unseal(key: Uint8Array, box: Buffer, place: string): string {
  const options = { authTagLength: TAG_BYTES };
  try {
    const nonce = box.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, options);
    decipher.setAAD(Buffer.from(place));
    decipher.setAuthTag(box.subarray(-TAG_BYTES));
    const text = box.subarray(NONCE_BYTES, -TAG_BYTES);
    return Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8');
  } catch (cause) {
    throw unreadable(place, messageOf(cause), cause);
  }
}

function unreadable(place: string, detail: string, cause?: unknown): StationError {
  const words = `the secret of ${place} cannot be opened: ${detail}`;
  return new StationError('secret-unreadable', words, { place, detail }, cause);
}

/** For a ledger that is opened without a key, to be read only: it neither seals nor opens. */
export const CLOSED_BOX: SecretBox = {
  mark: 'none.',
  seal: (_secret, place) => {
    throw unreadable(place, 'this ledger was opened without a key');
  },
  open: (_sealed, place) => {
    throw unreadable(place, 'this ledger was opened without a key');
  },
};

/** Reads a key file: 32 bytes as 64 hex digits or as Base64. Throws `secret-key-unreadable`. */
export async function readSecretKey(file: string): Promise<Uint8Array> {
  let text: string;
  try {
    text = (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw keyUnreadable(file, messageOf(cause), cause);
  }
  const isHex = /^[0-9a-f]{64}$/iu.test(text);
  const key = Buffer.from(text, isHex ? 'hex' : 'base64');
  if (key.length === SECRET_KEY_BYTES) return key;
  throw keyUnreadable(file, `it holds no ${SECRET_KEY_BYTES} bytes in hex or Base64`);
}

/**
 * Reads the key file, or makes one with mode 0600 where there is none. Only for the station's own
 * place: a file that the configuration names and that is missing is a mistake to be told.
 */
export async function readOrMakeSecretKey(file: string): Promise<Uint8Array> {
  try {
    return await readSecretKey(file);
  } catch (error) {
    const cause = error instanceof StationError ? error.cause : error;
    if (errnoOf(cause) !== 'ENOENT') throw error;
  }
  const key = randomBytes(SECRET_KEY_BYTES);
  try {
    await writeDurably(file, `${key.toString('hex')}\n`);
  } catch (cause) {
    const error = asStateDiskError(file, cause);
    throw error instanceof StationError ? error : keyUnreadable(file, messageOf(cause), cause);
  }
  return key;
}

/** A key that is lost after it sealed something is a loss for good, so it is on the disk first. */
async function writeDurably(file: string, text: string): Promise<void> {
  const draft = `${file}.new`;
  {
    await using handle = await open(draft, 'w', 0o600);
    await handle.writeFile(text);
    await handle.sync();
  }
  await rename(draft, file);
  await using directory = await open(dirname(file), 'r');
  await directory.sync();
}

/** The key that sealed what a ledger holds is not there: with a new one nothing of it would open. */
export function keyMissing(file: string, sealed: number): StationError {
  return keyUnreadable(file, `it is missing, and secrets in the ledger (${sealed}) need it`);
}

function keyUnreadable(file: string, detail: string, cause?: unknown): StationError {
  const words = `cannot read the key file ${file}: ${detail}`;
  return new StationError('secret-key-unreadable', words, { file, detail }, cause);
}

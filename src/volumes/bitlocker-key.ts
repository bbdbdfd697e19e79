import { inspect } from 'node:util';
import { entriesOf, plainKeyOf } from './bitlocker-protectors.ts';
import { guidAt } from './bytes.ts';
import { refuse } from './copy-status.ts';

/**
 * The key of a drive, as a job gives it: a recovery key of 48 digits, an external key in Base64 (its
 * 32 bytes, or a whole .BEK file), or a passphrase. What is wrong with its form is said before any
 * tool runs, without repeating it.
 */

const GROUPS = 8;
/** Each group is a number of 16 bits times eleven, which makes one wrong digit show. */
const CHECK_FACTOR = 11;
const GROUP_LIMIT = 0x1_0000 * CHECK_FACTOR;
const LOOKS_LIKE_RECOVERY_KEY = /^[\d\s\-–—]{20,}$/u;
const BASE64 = /^[A-Za-z0-9+/\s]{40,}={0,2}\s*$/u;
const EXTERNAL_KEY_BYTES = 32;
const BEK_HEADER_BYTES = 48;
const BEK_KEY_HEADER_BYTES = 24;
const VALUE_EXTERNAL_KEY = 9;

/** Bytes that show themselves to nobody who prints, logs or serialises them. */
export class Secret {
  readonly #bytes: Buffer;
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }
  reveal(): Buffer {
    return this.#bytes;
  }
  toJSON(): string {
    return '[secret]';
  }
  toString(): string {
    return '[secret]';
  }
  [inspect.custom](): string {
    return '[secret]';
  }
}

export type VolumeKey =
  | { readonly kind: 'recovery-key'; readonly secret: Secret; readonly text: Secret }
  | { readonly kind: 'passphrase'; readonly secret: Secret; readonly text: Secret }
  | {
      readonly kind: 'external-key';
      readonly secret: Secret;
      /** Names its protector; only a .BEK file does. */
      readonly guid?: string;
    };

/**
 * The ways in which a key can be meant: a text that is Base64 may still be a passphrase. Throws
 * `volume-refused` with `BitLockerKeyInvalid` for a recovery key that cannot be one.
 */
export function parseVolumeKey(text: string): readonly VolumeKey[] {
  const trimmed = text.trim();
  if (trimmed === '') throw invalid('the job gives no BitLocker key for this drive');
  if (LOOKS_LIKE_RECOVERY_KEY.test(trimmed)) return [recoveryKey(trimmed)];
  const external = externalKey(trimmed);
  const passphrase = {
    kind: 'passphrase',
    secret: new Secret(Buffer.from(text, 'utf16le')),
    text: new Secret(Buffer.from(text, 'utf8')),
  } as const;
  return external === undefined ? [passphrase] : [external, passphrase];
}

function recoveryKey(text: string): VolumeKey {
  const digits = text.replace(/\D/gu, '');
  const missing = digits.length < 48 ? 'has too few' : 'has too many';
  if (digits.length !== GROUPS * 6) {
    throw invalid(`the recovery key ${missing} digits: ${digits.length} instead of 48`);
  }
  const groups = Array.from({ length: GROUPS }, (_, index) =>
    digits.slice(index * 6, index * 6 + 6),
  );
  const bytes = Buffer.alloc(GROUPS * 2);
  for (const [index, group] of groups.entries()) {
    const number = Number(group);
    if (number % CHECK_FACTOR !== 0 || number >= GROUP_LIMIT) {
      throw invalid(`group ${index + 1} of the recovery key is mistyped: no key has such a group`);
    }
    bytes.writeUInt16LE(number / CHECK_FACTOR, index * 2);
  }
  const written = new Secret(Buffer.from(groups.join('-'), 'latin1'));
  return { kind: 'recovery-key', secret: new Secret(bytes), text: written };
}

function externalKey(text: string): VolumeKey | undefined {
  if (!BASE64.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === EXTERNAL_KEY_BYTES)
    return { kind: 'external-key', secret: new Secret(bytes) };
  return parseBek(bytes);
}

/** A .BEK file: a header like that of a dataset, then one entry with the key inside. */
export function parseBek(bytes: Buffer): VolumeKey | undefined {
  if (bytes.length < BEK_HEADER_BYTES || bytes.readUInt32LE(8) !== BEK_HEADER_BYTES)
    return undefined;
  const entries = [...entriesOf(bytes.subarray(BEK_HEADER_BYTES))];
  const body = entries.find(({ value }) => value === VALUE_EXTERNAL_KEY)?.body;
  if (body === undefined || body.length < BEK_KEY_HEADER_BYTES) return undefined;
  const key = plainKeyOf(body.subarray(BEK_KEY_HEADER_BYTES));
  if (key?.length !== EXTERNAL_KEY_BYTES) return undefined;
  return { kind: 'external-key', secret: new Secret(key), guid: guidAt(body, 0) };
}

function invalid(words: string) {
  return refuse({ status: 'BitLockerKeyInvalid', words });
}

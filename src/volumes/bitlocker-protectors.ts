import { guidAt } from './bytes.ts';

/**
 * Protectors: each holds the volume master key, encrypted with a key of its own. They are entries of
 * the metadata, and their parts are entries inside them, all with a size, a type and a kind of value.
 */

const ENTRY_HEADER_BYTES = 8;
/** GUID, time and two numbers before the parts of a protector. */
const PROTECTOR_HEADER_BYTES = 28;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const VALUE_KEY = 1;
const VALUE_STRETCH_KEY = 3;
const VALUE_ENCRYPTED_KEY = 5;
const VALUE_PROTECTOR = 8;

export type ProtectorKind =
  | 'clear-key'
  | 'recovery-key'
  | 'passphrase'
  | 'external-key'
  | 'tpm'
  | 'smart-card'
  | 'other';

/** AES-CCM, as all keys in the metadata. */
export interface EncryptedKey {
  readonly nonce: Buffer;
  readonly tag: Buffer;
  readonly data: Buffer;
}

export interface Protector {
  readonly guid: string;
  readonly kind: ProtectorKind;
  /** For keys that people type: what they are stretched with. */
  readonly salt?: Buffer;
  readonly masterKey?: EncryptedKey;
}

export interface Entry {
  readonly type: number;
  readonly value: number;
  readonly body: Buffer;
}

/** Entries one after the other; the rest is left alone from the first one whose size cannot be. */
export function* entriesOf(bytes: Buffer): Generator<Entry> {
  let at = 0;
  while (at + ENTRY_HEADER_BYTES <= bytes.length) {
    const size = bytes.readUInt16LE(at);
    if (size < ENTRY_HEADER_BYTES || at + size > bytes.length) return;
    const body = bytes.subarray(at + ENTRY_HEADER_BYTES, at + size);
    yield { type: bytes.readUInt16LE(at + 2), value: bytes.readUInt16LE(at + 4), body };
    at += size;
  }
}

export function protectorsOf(entries: Buffer): readonly Protector[] {
  return [...entriesOf(entries)]
    .filter(({ value, body }) => value === VALUE_PROTECTOR && body.length >= PROTECTOR_HEADER_BYTES)
    .map(({ body }) => protectorOf(body));
}

function protectorOf(body: Buffer): Protector {
  const parts = [...entriesOf(body.subarray(PROTECTOR_HEADER_BYTES))];
  const salt = saltOf(parts);
  const masterKey = encryptedKeyOf(
    parts.findLast(({ value }) => value === VALUE_ENCRYPTED_KEY)?.body,
  );
  return {
    guid: guidAt(body, 0),
    kind: kindOf(body.readUInt16LE(26)),
    ...(salt === undefined ? {} : { salt }),
    ...(masterKey === undefined ? {} : { masterKey }),
  };
}

function kindOf(type: number): ProtectorKind {
  if (type === 0x0000) return 'clear-key';
  if (type === 0x0800) return 'recovery-key';
  if (type === 0x2000) return 'passphrase';
  if (type === 0x0200) return 'external-key';
  if (type === 0x1000) return 'smart-card';
  return type === 0x0100 || type === 0x0500 || type === 0x0600 ? 'tpm' : 'other';
}

function saltOf(parts: readonly Entry[]): Buffer | undefined {
  const stretch = parts.find(({ value }) => value === VALUE_STRETCH_KEY)?.body;
  return stretch !== undefined && stretch.length >= 20 ? stretch.subarray(4, 20) : undefined;
}

function encryptedKeyOf(body: Buffer | undefined): EncryptedKey | undefined {
  if (body === undefined || body.length <= NONCE_BYTES + TAG_BYTES) return undefined;
  return {
    nonce: body.subarray(0, NONCE_BYTES),
    tag: body.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES),
    data: body.subarray(NONCE_BYTES + TAG_BYTES),
  };
}

/** The bytes of a key entry, after four bytes that name its cipher. */
export function plainKeyOf(entries: Buffer): Buffer | undefined {
  const body = [...entriesOf(entries)].find(({ value }) => value === VALUE_KEY)?.body;
  return body === undefined || body.length < 5 ? undefined : body.subarray(4);
}

import type { VolumeKey } from './bitlocker-key.ts';
import { type BitLockerMetadata, readBitLockerMetadata } from './bitlocker-metadata.ts';
import type { ProtectorKind } from './bitlocker-protectors.ts';
import type { ReadRange } from './bytes.ts';
import type { VolumeNote } from './contract.ts';
import { refuse } from './copy-status.ts';
import { type LostPlace, lostNotes } from './lost-places.ts';
import { type Opened, openProtector } from './master-key.ts';

/** What the metadata of a BitLocker volume lets us say before any tool is started. */

export interface Unlockable {
  readonly metadata: BitLockerMetadata & { readonly method: string };
  readonly opened: Opened;
  readonly notes: readonly VolumeNote[];
}

/**
 * Proves that a key opens the volume. Throws `volume-refused` with a status of the reference:
 * `BitLockerFailed` for damaged metadata or an unknown cipher, `BitLockerNotActivated` for what
 * Windows calls "protection off" (not wholly encrypted, or only a clear key),
 * `BitLockerProtectorNotFound` when the volume has no protector of the key's kind, and
 * `BitLockerKeyInvalid` when it has and the key is another one.
 */
export async function proveKey(
  read: ReadRange,
  keys: readonly VolumeKey[],
  signal: AbortSignal,
): Promise<Unlockable> {
  const { metadata, lost } = await usableMetadata(read);
  const has = (kind: ProtectorKind) => metadata.protectors.some((one) => one.kind === kind);
  if (metadata.protectors.every(({ kind }) => kind === 'clear-key')) throw protectionOff();
  if (keys.length === 0) throw keyInvalid('the drive is encrypted and the job gives no key for it');
  if (!keys.some(({ kind }) => has(kind))) throw noProtector(keys);
  const opened = await openProtector(metadata.protectors, keys, signal);
  if (opened === undefined)
    throw keyInvalid('the BitLocker key of the job does not open this drive');
  return { metadata, opened, notes: [...notesOf(metadata, has('clear-key')), ...lostNotes(lost)] };
}

interface Usable {
  readonly metadata: Unlockable['metadata'];
  readonly lost: readonly LostPlace[];
}

async function usableMetadata(read: ReadRange): Promise<Usable> {
  const result = await readBitLockerMetadata(read);
  if (result.kind === 'absent') {
    throw refuse({
      status: 'BitLockerNotActivated',
      words: 'the volume is not BitLocker-protected',
    });
  }
  if (result.kind === 'damaged') throw failed(`the drive cannot be unlocked: ${result.problem}`);
  const { method, ...metadata } = result.metadata;
  if (metadata.converting) {
    const words =
      'the drive is not wholly encrypted: its encryption or decryption began and did not end. Let Windows finish it, then send the drive again';
    throw refuse({ status: 'BitLockerNotActivated', words });
  }
  if (method === undefined)
    throw failed('the drive is encrypted with a cipher that is not supported');
  return { metadata: { ...metadata, method }, lost: result.lost };
}

function protectionOff() {
  const words =
    'BitLocker protection of the drive is off: it is encrypted, but its key lies on the drive itself. Turn protection on with a recovery key';
  return refuse({ status: 'BitLockerNotActivated', words });
}

function noProtector(keys: readonly VolumeKey[]) {
  const wanted = keys.map(({ kind }) => KEY_WORDS[kind]).join(' or ');
  const words = `the drive has no protector for ${wanted}, which is what the job gives`;
  return refuse({ status: 'BitLockerProtectorNotFound', words });
}

const KEY_WORDS: Readonly<Record<VolumeKey['kind'], string>> = {
  'recovery-key': 'a recovery key (numerical password)',
  passphrase: 'a passphrase',
  'external-key': 'an external key',
};

function notesOf({ copy }: BitLockerMetadata, suspended: boolean): VolumeNote[] {
  const notes: VolumeNote[] = [];
  if (copy > 1) {
    const words = `copy ${copy} of the BitLocker metadata was used, because what comes before it is damaged or cannot be read`;
    notes.push({ code: 'metadata-copy-damaged', words });
  }
  if (suspended) {
    const words =
      'BitLocker protection is suspended: the key lies on the drive too, so it travelled unprotected';
    notes.push({ code: 'protection-suspended', words });
  }
  return notes;
}

function keyInvalid(words: string) {
  return refuse({ status: 'BitLockerKeyInvalid', words });
}

function failed(words: string) {
  return refuse({ status: 'BitLockerFailed', words });
}

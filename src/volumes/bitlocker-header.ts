import { guidAt, u64 } from './bytes.ts';

/** The first sector of a BitLocker volume: where its metadata lies, and whether it is being converted. */

const SIGNATURE = '-FVE-FS-';
const TO_GO_SIGNATURE = 'MSWIN4.1';
const GUID_AT = 160;
const TO_GO_GUID_AT = 424;
const METADATA_GUID = '4967d63b-2e29-4ad8-8399-f6a339e3d001';
/** Stands in the header of a volume that is being encrypted or decrypted while it is in use. */
const CONVERTING_GUID = '92a84d3b-dd80-4d0e-9e4e-b1e3284eaed8';

export interface BitLockerHeader {
  readonly toGo: boolean;
  /** Windows Vista gives the place of one copy only; that one names the others. */
  readonly vista: boolean;
  readonly converting: boolean;
  /** Offsets of the metadata from the start of the volume, in bytes. */
  readonly metadataAt: readonly number[];
}

export function isBitLockerHeader(sector: Buffer): boolean {
  return parseBitLockerHeader(sector) !== undefined;
}

/** `undefined` when the sector is not that of a BitLocker volume. */
export function parseBitLockerHeader(sector: Buffer): BitLockerHeader | undefined {
  if (sector.length < 512) return undefined;
  const signature = sector.toString('latin1', 3, 11);
  if (signature === SIGNATURE) {
    return isVista(sector) ? vistaHeader(sector) : header(sector, { toGo: false });
  }
  // This one is also the name of an ordinary FAT; only the GUID makes it a BitLocker volume.
  const toGo = signature === TO_GO_SIGNATURE ? header(sector, { toGo: true }) : undefined;
  return toGo !== undefined && isKnownGuid(sector, TO_GO_GUID_AT) ? toGo : undefined;
}

function isVista(sector: Buffer): boolean {
  return sector.readBigUInt64LE(0x38) !== 0n && !isKnownGuid(sector, GUID_AT);
}

function isKnownGuid(sector: Buffer, at: number): boolean {
  return [METADATA_GUID, CONVERTING_GUID].includes(guidAt(sector, at));
}

function header(sector: Buffer, { toGo }: { toGo: boolean }): BitLockerHeader {
  const guid = toGo ? TO_GO_GUID_AT : GUID_AT;
  const metadataAt = [16, 24, 32].map((at) => u64(sector, guid + at)).filter(isPlace);
  return { toGo, vista: false, converting: guidAt(sector, guid) === CONVERTING_GUID, metadataAt };
}

function vistaHeader(sector: Buffer): BitLockerHeader {
  const clusterBytes = sector.readUInt16LE(0x0b) * sector.readUInt8(0x0d);
  const cluster = u64(sector, 0x38);
  const place = cluster === undefined ? undefined : cluster * clusterBytes;
  const metadataAt = [place].filter(isPlace);
  return { toGo: false, vista: true, converting: false, metadataAt };
}

function isPlace(offset: number | undefined): offset is number {
  return offset !== undefined && Number.isSafeInteger(offset) && offset > 0;
}

import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isStationError } from '../../../src/errors.ts';
import { bekFile } from '../../../src/volumes/bek-file.ts';
import { parseBek, parseVolumeKey } from '../../../src/volumes/bitlocker-key.ts';

const RECOVERY_KEY = '235818-357951-253979-013365-241120-245575-342914-591910';
const GUID = '4381f759-c4f8-4de0-bb61-fc33a831bda5';

const kinds = (text: string) => parseVolumeKey(text).map(({ kind }) => kind);

describe('a recovery key', () => {
  it.each([
    RECOVERY_KEY,
    RECOVERY_KEY.replaceAll('-', ''),
    ` ${RECOVERY_KEY.replaceAll('-', ' ')}\n`,
    RECOVERY_KEY.replaceAll('-', '–'),
  ])('is read with or without hyphens: %j', (text) => {
    const [key] = parseVolumeKey(text);
    expect(key?.kind).toBe('recovery-key');
    expect(key?.secret.reveal().readUInt16LE(0)).toBe(235_818 / 11);
  });

  it('names the group that cannot be right, and does not repeat it', () => {
    const wrong = RECOVERY_KEY.replace('013365', '013356');
    expect(() => parseVolumeKey(wrong)).toThrow('group 4 of the recovery key is mistyped');
    expect(() => parseVolumeKey(wrong)).not.toThrow('013356');
    // Divisible by eleven, but no number of 16 bits times eleven.
    const tooLarge = RECOVERY_KEY.replace('591910', '720896');
    expect(() => parseVolumeKey(tooLarge)).toThrow('group 8');
  });

  it('counts its digits', () => {
    expect(() => parseVolumeKey(RECOVERY_KEY.slice(0, -1))).toThrow(
      'too few digits: 47 instead of 48',
    );
    expect(() => parseVolumeKey(`${RECOVERY_KEY}1`)).toThrow('too many digits: 49 instead of 48');
  });

  it('is refused as the key of the customer, not as a fault of the station', () => {
    const refusals = ['', '   ', RECOVERY_KEY.slice(7)].map((text) => {
      try {
        return parseVolumeKey(text);
      } catch (error) {
        return isStationError(error, 'volume-refused') && error.payload.status;
      }
    });
    expect(refusals).toEqual(Array(3).fill('BitLockerKeyInvalid'));
  });
});

describe('other keys', () => {
  it('are taken for what they look like', () => {
    expect(kinds('anaconda')).toEqual(['passphrase']);
    expect(kinds(Buffer.alloc(32, 7).toString('base64'))).toEqual(['external-key', 'passphrase']);
    expect(kinds(bekFile(Buffer.alloc(32, 7), GUID).toString('base64'))).toEqual([
      'external-key',
      'passphrase',
    ]);
  });

  it('come out of a .BEK file with the protector they are for', () => {
    const key = parseBek(bekFile(Buffer.alloc(32, 7), GUID));
    expect(key).toMatchObject({ kind: 'external-key', guid: GUID });
    expect(key?.secret.reveal()).toEqual(Buffer.alloc(32, 7));
  });

  it('are none when the file is cut or is none', () => {
    const bek = bekFile(Buffer.alloc(32, 7), GUID);
    fc.assert(
      fc.property(fc.nat(bek.length - 1), (length) => {
        expect(parseBek(bek.subarray(0, length))).toBeUndefined();
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(['undefined', 'object']).toContain(typeof parseBek(Buffer.from(bytes)));
      }),
    );
  });
});

it('a key shows itself in no print, no log and no message', () => {
  const keys = parseVolumeKey(RECOVERY_KEY);
  const shown = [
    inspect(keys, { depth: 9, showHidden: true }),
    JSON.stringify(keys),
    String(keys[0]?.secret),
  ];
  for (const text of shown) {
    expect(text).toContain('[secret]');
    expect(text).not.toMatch(/235818|357951/u);
  }
});

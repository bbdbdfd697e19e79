import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  isFakeSerial,
  nearForm,
  normaliseSerial,
  type SerialNumber,
} from '../../../src/domain/serial.ts';

const serial = (text: string): SerialNumber => {
  const canonical = normaliseSerial(text);
  if (canonical === undefined) throw new RangeError(`no serial: ${text}`);
  return canonical;
};

test.each([
  ['  WD-WMATV123456  ', 'WD-WMATV123456'],
  ['s3 yj nb0k', 'S3YJNB0K'],
  ['ABC\u0000\u0000', 'ABC'],
  ['AB cd/../é"$(x)', 'ABCD/../É"$(X)'],
])('%j is compared as %j', (raw, canonical) => {
  expect(normaliseSerial(raw)).toBe(canonical);
});

test.each(['', '   ', '\u0000\u0000', 'x'.repeat(300)])('%j is no serial', (raw) => {
  expect(normaliseSerial(raw)).toBeUndefined();
});

test('the canonical form is stable and holds no white space or control character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (raw) => {
      const once = normaliseSerial(raw);
      if (once === undefined) return;
      expect(once).not.toMatch(/\s/u);
      expect(normaliseSerial(once)).toBe(once);
    }),
  );
});

test.each([
  '000000000000',
  '0123456789ABCDEF',
  '123456789012',
  '152D00539000',
  '202006054D01',
  'FFFFFFFF',
])('%s identifies nothing: bridges make it up', (text) => {
  expect(isFakeSerial(serial(text))).toBe(true);
});

test.each(['WD-WMATV123456', '9WM35C2V', '18041C582D7E'])('%s is a real serial', (text) => {
  expect(isFakeSerial(serial(text))).toBe(false);
});

test.each([
  ['reversed', 'S2TXNB0K412345', '543214K0BNXT2S'],
  ['pair-swapped', 'ABCDEF12', 'BADCFE21'],
  ['truncated', 'WD-WMATV123456789012', 'WD-WMATV123456789012345'],
  ['prefixed', 'SWX71A18K5F1', 'WX71A18K5F1'],
  ['look-alike', '9WM35C20', '9WM35C2O'],
  ['one-off', 'WMATV12345', 'WMATV12346'],
] as const)('%s: %s could be %s', (form, seen, listed) => {
  expect(nearForm(serial(seen), serial(listed))).toBe(form);
});

test('a serial is not near to itself, nor to an unrelated one', () => {
  expect(nearForm(serial('9WM35C2V'), serial('9wm35c2v '))).toBeUndefined();
  expect(nearForm(serial('9WM35C2V'), serial('KV6H86XP'))).toBeUndefined();
});

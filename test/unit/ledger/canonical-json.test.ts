import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalJson } from '../../../src/ledger/canonical-json.ts';

it('spells equal values equally, whatever the order of their members', () => {
  expect(canonicalJson({ b: [{ d: 1, c: null }], a: 'x' })).toBe(
    '{"a":"x","b":[{"c":null,"d":1}]}',
  );
  expect(canonicalJson({ a: 'x', b: [{ c: null, d: 1 }] })).toBe(
    '{"a":"x","b":[{"c":null,"d":1}]}',
  );
});

it('leaves out what JSON cannot carry, as JSON does', () => {
  expect(canonicalJson({ a: undefined, at: new Date(0) })).toBe(
    '{"at":"1970-01-01T00:00:00.000Z"}',
  );
  expect(canonicalJson(undefined)).toBe('null');
});

it('is JSON of the same value, and spells what it reads as it was', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const text = canonicalJson(value);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson(JSON.parse(text))).toBe(text);
    }),
  );
});

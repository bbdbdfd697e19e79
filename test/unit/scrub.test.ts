import { Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messageOf, StationError } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';
import { scrub, scrubJson } from '../../src/scrub.ts';

const base64 = (bytes: number) =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((b) => Buffer.from(b).toString('base64'));
const accountKey = base64(64);
const signature = base64(32);
const recoveryPassword = fc
  .array(fc.integer({ min: 0, max: 999_999 }), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.map((group) => String(group).padStart(6, '0')).join('-'));

/** Each kind of secret, the ways in which it can stand in a text, and what must not be left of it. */
const disguised = fc.oneof(
  accountKey.map((key) => ({ text: key, secret: key })),
  accountKey.map((key) => ({ text: `AccountName=a;AccountKey=${key};x=y`, secret: key })),
  accountKey.map((key) => ({ text: encodeURIComponent(key), secret: encodeURIComponent(key) })),
  signature.map((sig) => ({ text: `https://a.net/c?sv=1&sig=${sig}&se=2`, secret: sig })),
  signature.map(encodeURIComponent).map((sig) => ({ text: `?sig=${sig}`, secret: sig })),
  signature.map(encodeURIComponent).map((sig) => ({
    text: encodeURIComponent(`?sv=1&sig=${sig}`),
    secret: encodeURIComponent(sig),
  })),
  signature.map((sig) => ({ text: `SharedAccessSignature=sv=1&sig=${sig}`, secret: sig })),
  signature.map((sig) => ({ text: `authorization: SharedKey acc:${sig}`, secret: sig })),
  recoveryPassword.map((key) => ({ text: key, secret: key })),
  recoveryPassword.map((key) => ({
    text: key.replaceAll('-', ''),
    secret: key.replaceAll('-', ''),
  })),
);
const around = fc.constantFrom(
  '',
  ' ',
  '"',
  "'",
  '\n',
  'a failed: ',
  '<',
  '>',
  '(',
  ')',
  '\\',
  '{',
  ', ',
);

describe('a scrubbed text', () => {
  it('has no secret in it, wherever it stood, and is scrubbed for good', () => {
    fc.assert(
      fc.property(around, disguised, around, (before, { text, secret }, after) => {
        const clean = scrub(`${before}${text}${after}`);
        expect(clean).not.toContain(secret);
        expect(scrub(clean)).toBe(clean);
      }),
    );
  });

  it('is JSON when it was', () => {
    const value = fc.record({
      a: disguised,
      b: fc.string(),
      c: fc.tuple(around, disguised, around),
    });
    fc.assert(
      fc.property(value, ({ a, b, c: [before, { text, secret }, after] }) => {
        const clean = scrubJson({ a: a.text, b: [b], c: `${before}${text}${after}` });
        expect(JSON.stringify(clean)).not.toContain(secret);
        expect(clean.b).toEqual([scrub(b)]);
      }),
    );
  });

  it.each([
    'WD-WCC4N1234567 is Completed; 8388608 bytes',
    `sha256 ${'0123456789abcdef'.repeat(4)}, md5 ${'0'.repeat(32)}`,
    `block ${'A'.repeat(82)}==`,
    'the signal is SIGKILL; design=2; the bearer of the box',
  ])('is left as it is when there is nothing to hide: %s', (text) => {
    expect(scrub(text)).toBe(text);
  });
});

describe('what carries words', () => {
  const secret = `${'k'.repeat(86)}==`;

  it('an error has no secret in its words and its payload', () => {
    const payload = { operation: 'x', detail: `?sig=${secret}` };
    const error = new StationError('storage-unavailable', `key ${secret}`, payload);
    expect(JSON.stringify([error.message, error.payload, messageOf(new Error(secret))])).toBe(
      '["key [redacted]",{"operation":"x","detail":"?sig=[redacted]"},"[redacted]"]',
    );
  });

  it('a line of the log has none in fields, words, causes and children', () => {
    let written = '';
    const sink = new Writable({
      write(chunk, _encoding, done) {
        written += chunk;
        done();
      },
    });
    const log = createLog('trace', sink).child({ subsystem: 'x', url: `?sig=${secret}` });
    const err = new Error('outer', { cause: new Error(secret) });
    log.error({ err, deep: { a: { b: { c: { d: secret } } } }, credential: 'plain-word' }, secret);
    expect(written).not.toContain(secret);
    expect(written).not.toContain('plain-word');
    expect(JSON.parse(written)).toMatchObject({ msg: '[redacted]', url: '?sig=[redacted]' });
  });
});

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseDigest } from '../../../src/domain/digest.ts';
import { type Hasher, proveManifestHash } from '../../../src/formats/manifest-hash.ts';

const hasherOf = (algorithm: string): Hasher => {
  const hash = createHash(algorithm);
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') };
};
const bytes = [Buffer.from('<Drive'), Buffer.from('Manifest/>')];
const prove = async (hex: string) => {
  const expected = parseDigest(hex);
  if (expected === undefined) throw new TypeError(`${hex} is no digest`);
  await proveManifestHash(bytes, expected, hasherOf);
};
const of = (algorithm: string) => createHash(algorithm).update('<DriveManifest/>').digest('hex');

test('32 digits are MD5 and 64 are SHA-256, in any case, with a blank in front', async () => {
  await prove(of('md5'));
  await prove(` ${of('md5').toUpperCase()}`);
  await prove(of('sha256'));
});

test('other bytes are another file', async () => {
  const other = '0'.repeat(32);
  await expect(prove(other)).rejects.toMatchObject({
    code: 'manifest-corrupted',
    payload: { algorithm: 'md5', expected: other, found: of('md5').toUpperCase() },
  });
  await expect(prove(of('md5').repeat(2))).rejects.toMatchObject({
    payload: { algorithm: 'sha256' },
  });
});

test.each(['', 'abc', `${'0'.repeat(31)}g`, '0'.repeat(33), '0'.repeat(40), '0'.repeat(128)])(
  '%j is no digest',
  (text) => {
    expect(parseDigest(text)).toBeUndefined();
  },
);

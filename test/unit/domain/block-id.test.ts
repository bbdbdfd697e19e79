import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBlockId, encodeBlockId } from '../../../src/domain/block-id.ts';

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b) => Buffer.from(b).toString('hex'));
const block = { nonce: hex(8), index: fc.nat({ max: 49_999 }), sha256: hex(32) };
const parts = fc.oneof(
  fc.record({ ...block, md5State: hex(16) }),
  fc.record({ ...block, unreadableBytes: fc.nat() }),
);

test('an id says what it was made of, in 84 characters, within the 64 bytes of the service', () => {
  fc.assert(
    fc.property(parts, (given) => {
      const id = encodeBlockId(given);
      expect(id).toHaveLength(84);
      expect(Buffer.from(id, 'base64').length).toBeLessThanOrEqual(64);
      expect(decodeBlockId(id)).toEqual({ ...given, id });
    }),
  );
});

test('a foreign id is not one of ours, whatever it is', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String()), (foreign) => {
      if (foreign.length === 84) return;
      expect(decodeBlockId(foreign)).toBeUndefined();
    }),
  );
  expect(decodeBlockId('MD5/cAzn4h7VVSWXf696qp5Uaw==')).toBeUndefined();
});

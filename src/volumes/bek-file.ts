/**
 * A .BEK file of 32 bytes of external key, for a tool that takes such a key only in a file. The
 * layout is the one that `parseBek` reads.
 */

const HEADER_BYTES = 48;
const ENTRY_EXTERNAL_KEY = 6;
const VALUE_EXTERNAL_KEY = 9;
const VALUE_KEY = 1;
/** What Windows writes as the cipher of such a key. */
const METHOD_EXTERNAL = 0x2002;

export function bekFile(key: Buffer, protectorGuid: string): Buffer {
  const method = Buffer.alloc(4);
  method.writeUInt32LE(METHOD_EXTERNAL);
  const inner = entry(0, VALUE_KEY, Buffer.concat([method, key]));
  const guid = guidBytes(protectorGuid);
  const outer = entry(
    ENTRY_EXTERNAL_KEY,
    VALUE_EXTERNAL_KEY,
    Buffer.concat([guid, Buffer.alloc(8), inner]),
  );
  const header = Buffer.alloc(HEADER_BYTES);
  for (const [at, value] of [
    [0, HEADER_BYTES + outer.length],
    [4, 1],
    [8, HEADER_BYTES],
    [12, HEADER_BYTES + outer.length],
  ] as const) {
    header.writeUInt32LE(value, at);
  }
  guid.copy(header, 16);
  return Buffer.concat([header, outer]);
}

function entry(type: number, value: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(head.length + body.length, 0);
  head.writeUInt16LE(type, 2);
  head.writeUInt16LE(value, 4);
  head.writeUInt16LE(1, 6);
  return Buffer.concat([head, body]);
}

/** The inverse of `guidAt`. */
function guidBytes(guid: string): Buffer {
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex');
  bytes.subarray(0, 4).swap32();
  bytes.subarray(4, 8).swap16();
  return bytes;
}

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseBlobPath } from '../../../src/domain/blob-path.ts';
import { parseDigest } from '../../../src/domain/digest.ts';
import { DISPOSITIONS } from '../../../src/domain/import-disposition.ts';
import type { ManifestBlob } from '../../../src/domain/manifest.ts';
import { isStationError } from '../../../src/errors.ts';
import { readDriveManifest } from '../../../src/formats/manifest-reader.ts';
import { driveManifestXml } from '../../../src/formats/manifest-writer.ts';
import { all } from '../../support/drive-logs.ts';
import { azureSample, itemsOf, MD5 } from '../../support/manifests.ts';

const digest = fc
  .tuple(
    fc.constantFrom(32, 64),
    fc.string({ unit: fc.constantFrom(...'0123456789ABCDEF'), minLength: 64, maxLength: 64 }),
  )
  .map(([length, hex]) => parseDigest(hex.slice(0, length)))
  .filter((made) => made !== undefined);
/** What an NTFS name can hold; XML must bring it back. */
const text = fc
  .string({ unit: 'grapheme', maxLength: 40 })
  .filter((made) => made.isWellFormed() && !/[\p{Cc}\ufffe\uffff]/u.test(made));
const nasty = fc.string({
  unit: fc.constantFrom('&', '&amp;', '<', '>', ']]>', '"', "'", '_x0041_', ' ', '\\', '%20', '#'),
  maxLength: 12,
});
const anyText = fc.oneof(text, nasty);
const path = fc
  .tuple(fc.constantFrom('abc', '$root', 'my-pictures-2'), anyText)
  .map(([container, name]) => parseBlobPath(`${container}/${name}`))
  .filter((answer) => answer.ok)
  .map((answer) => answer.path);
const optional = <T>(made: fc.Arbitrary<T>) => fc.option(made, { nil: undefined });
const sideFile = fc.record({ path: anyText, hash: digest });
const sideFiles = { metadata: optional(sideFile), properties: optional(sideFile) };

/** Blocks of these lengths, one behind the other. */
const blockContent = fc
  .tuple(
    fc.array(fc.record({ length: fc.integer({ min: 1, max: 4_194_304 }), hash: digest }), {
      maxLength: 6,
    }),
    fc.boolean(),
  )
  .map(([parts, withIds]) => {
    let offset = 0;
    const list = parts.map(({ length, hash }, index) => {
      const id = Buffer.from([index, 0, 0, 0]).toString('base64');
      const block = { offset, length, hash, ...(withIds ? { id } : {}) };
      offset += length;
      return block;
    });
    return { length: offset, content: { kind: 'blocks' as const, list } };
  });
const pageContent = fc
  .array(
    fc.record({ gap: fc.nat(2 ** 30), pages: fc.integer({ min: 1, max: 8192 }), hash: digest }),
    { maxLength: 6 },
  )
  .map((parts) => {
    let offset = 0;
    const list = parts.map(({ gap, pages, hash }) => {
      const range = { offset: offset + gap * 512, length: pages * 512, hash };
      offset = range.offset + range.length;
      return range;
    });
    return { length: offset + 512, content: { kind: 'pages' as const, list } };
  });

const blob: fc.Arbitrary<ManifestBlob> = fc
  .tuple(
    fc.record({
      path,
      filePath: anyText,
      snapshot: optional(anyText),
      disposition: fc.constantFrom(...DISPOSITIONS),
      ...sideFiles,
    }),
    fc.oneof(blockContent, pageContent),
  )
  .map(([head, content]) => present({ ...head, ...content }));
const manifest = fc
  .record({
    version: fc.constantFrom('2011-10-01', '2014-11-01'),
    driveId: fc.string({ unit: fc.constantFrom(...'WD-19_.'), minLength: 1, maxLength: 40 }),
    clientCreator: optional(anyText),
    credential: optional(fc.constant({ kind: 'account-key' as const, secret: 'a+b/c==' })),
    lists: fc.array(
      fc
        .record({ id: optional(anyText), blobs: fc.array(blob, { maxLength: 3 }), ...sideFiles })
        .map(present),
      { minLength: 1, maxLength: 3 },
    ),
  })
  .map(present);

/** Without the keys that are `undefined`. */
function present<T extends object>(made: T): T & { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(
    Object.entries(made).filter(([, value]) => value !== undefined),
  ) as never;
}

const pieces = (bytes: Buffer, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  );

test('what is written is read back, whatever the names and in whatever pieces', async () => {
  await fc.assert(
    fc.asyncProperty(manifest, fc.integer({ min: 1, max: 500 }), async (given, size) => {
      const { lists, credential, ...head } = given;
      const expected = [
        { kind: 'head', ...head, hasCredential: credential !== undefined },
        ...lists.flatMap(({ blobs, ...list }) => [
          { kind: 'list', ...list },
          ...blobs.map((each) => ({ kind: 'blob', ...each })),
        ]),
      ];
      const xml = (await all(driveManifestXml(given))).join('');
      expect(await itemsOf(pieces(Buffer.from(xml), size))).toEqual(expected);
    }),
    { numRuns: 150 },
  );
});

test('the writer writes in the order of the grammar', async () => {
  const answer = parseBlobPath('pictures/a&b.jpg');
  const hash = parseDigest(MD5);
  if (!answer.ok || hash === undefined) throw new TypeError('not the blob that is meant');
  const content = {
    kind: 'blocks',
    list: [{ offset: 0, length: 5, hash, id: 'AAAAAA==' }],
  } as const;
  const given: ManifestBlob = {
    path: answer.path,
    filePath: '\\session\\a&b.jpg',
    length: 5,
    disposition: 'no-overwrite',
    content,
    metadata: { path: '\\m.xml', hash },
  };
  const lists = [{ id: 'session#1-0', properties: { path: '\\p.xml', hash }, blobs: [given] }];
  const credential = { kind: 'account-key', secret: 'a+b/c==' } as const;
  const document = {
    version: '2014-11-01',
    driveId: 'WD-1',
    clientCreator: 'Station',
    credential,
    lists,
  };
  expect(
    (await all(driveManifestXml(document))).join(''),
  ).toBe(`<?xml version="1.0" encoding="utf-8"?>
<DriveManifest Version="2014-11-01">
  <Drive>
    <DriveId>WD-1</DriveId>
    <StorageAccountKey>a+b/c==</StorageAccountKey>
    <ClientCreator>Station</ClientCreator>
    <BlobList Id="session#1-0">
      <PropertiesPath Hash="${MD5}">\\p.xml</PropertiesPath>
      <Blob>
        <BlobPath>pictures/a&amp;b.jpg</BlobPath>
        <FilePath>\\session\\a&amp;b.jpg</FilePath>
        <Length>5</Length>
        <ImportDisposition>no-overwrite</ImportDisposition>
        <BlockList>
          <Block Offset="0" Length="5" Id="AAAAAA==" Hash="${MD5}" />
        </BlockList>
        <MetadataPath Hash="${MD5}">\\m.xml</MetadataPath>
      </Blob>
    </BlobList>
  </Drive>
</DriveManifest>
`);
});

test('the writer refuses what XML would bring back changed', async () => {
  const document = { version: '1', driveId: 'a\rb', lists: [] };
  await expect(all(driveManifestXml(document))).rejects.toThrow(RangeError);
});

/** How a manifest ends: well, or with the one error that it may end with. */
async function outcome(bytes: Uint8Array): Promise<'read' | 'refused'> {
  try {
    for await (const _ of readDriveManifest([bytes]));
    return 'read';
  } catch (error) {
    if (isStationError(error, 'manifest-invalid')) return 'refused';
    throw error;
  }
}

describe('whatever is on a disk, a manifest is read or refused', () => {
  test('any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        expect(await outcome(bytes)).toBe('refused');
      }),
    );
  });

  test('any words of the grammar', async () => {
    const word = fc.constantFrom(
      '<DriveManifest Version="1">',
      '<Drive>',
      '<DriveId>',
      'a',
      '</DriveId>',
      '<BlobList>',
      '<Blob>',
      '</Blob>',
      '</BlobList>',
      '</Drive>',
      '</DriveManifest>',
      '<BlockList/>',
      '<Length>5</Length>',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '<?x',
      '?>',
      '&',
      '"',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 14 }), async (words) => {
        await outcome(Buffer.from(words.join('')));
      }),
      { numRuns: 500 },
    );
  });

  test('a published one with any bytes of it changed, taken out or put in', async () => {
    const original = Buffer.from(
      await azureSample('manifests/2011-10-01_export_DriveManifest.xml'),
    );
    const change = fc.record({
      at: fc.nat(original.length),
      remove: fc.nat(40),
      insert: fc.oneof(
        fc.uint8Array({ maxLength: 6 }),
        fc
          .constantFrom('<', '>', '"', '&', '/', '-', '0', '\0', '<Blob>')
          .map((each) => Buffer.from(each)),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        let bytes = original;
        for (const { at, remove, insert } of changes) {
          bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);
        }
        await outcome(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  test('a published one that ends at any byte', async () => {
    const original = Buffer.from(
      await azureSample('manifests/2011-10-01_export_DriveManifest.xml'),
    );
    const whole = original.lastIndexOf('>') + 1;
    for (let end = 0; end < whole; end += 7) {
      expect(await outcome(original.subarray(0, end))).toBe('refused');
    }
    expect(await outcome(original.subarray(0, whole))).toBe('read');
  });
});

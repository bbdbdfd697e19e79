import { describe, expect, test } from 'vitest';
import { readDriveManifest } from '../../../src/formats/manifest-reader.ts';
import {
  blobText,
  block,
  blocks,
  HEAD,
  itemsOf,
  listText,
  MD5,
  manifestText,
  ofBlobs,
  page,
  pages,
  refusalOf,
  TAIL,
} from '../../support/manifests.ts';

const ids = (...list: readonly string[]) =>
  blobText({
    length: list.length * 5,
    content: blocks(list.map((id, at) => block(at * 5, 5, id)).join('')),
  });
const named = (id: string) => ` Id="${id}"`;
const path = (text: string) => ofBlobs(blobText({ path: text }));
const length = (text: string) => ofBlobs(blobText({ length: text }));
const cut = (list: string, size: number) =>
  ofBlobs(blobText({ length: size, content: blocks(list) }));
const paged = (list: string, size = 8192) =>
  ofBlobs(blobText({ length: size, content: pages(list) }));
const without = (text: string | RegExp) => ofBlobs(blobText()).replace(text, '');
const swapped = (text: string | RegExp, other: string) => ofBlobs(blobText()).replace(text, other);

/** Every way in which a manifest breaks the grammar, and the fault that it is called. */
const BROKEN: readonly (readonly [string, string, string | Uint8Array])[] = [
  // The file as a whole.
  ['nothing', 'not-xml', ''],
  ['blanks', 'not-xml', '  \n '],
  ['zeros', 'not-xml', Buffer.alloc(4096)],
  ['text', 'not-xml', 'BEGIN:VCARD'],
  ['an end in a tag', 'not-xml', ofBlobs(blobText()).slice(0, 120)],
  ['an end between blobs', 'not-xml', `${HEAD}<BlobList>${blobText()}`],
  [
    'an end before the last tag',
    'not-xml',
    ofBlobs(blobText()).slice(0, -'</DriveManifest>'.length),
  ],
  ['something after the end', 'not-xml', `${ofBlobs(blobText())}<DriveManifest/>`],
  ['a crossing of tags', 'not-xml', swapped('</BlobPath><FilePath>', '<FilePath></BlobPath>')],
  [
    'billion laughs',
    'not-xml',
    `<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>${path('&b;')}`,
  ],
  [
    'an external entity',
    'not-xml',
    `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>${path('&x;')}`,
  ],
  ['a DOCTYPE alone', 'not-xml', `<!DOCTYPE DriveManifest>${ofBlobs(blobText())}`],
  ['an unknown entity', 'not-xml', path('pictures/&nbsp;')],
  ['a NUL in a name', 'not-xml', path('pictures/a\0b')],
  ['a NUL as a reference', 'not-xml', path('pictures/a&#0;b')],
  ['a lone surrogate as a reference', 'not-xml', path('pictures/&#xD800;')],
  ['bytes that are not UTF-8', 'not-xml', Buffer.from(path('pictures/\u00e9'), 'latin1')],
  ['UTF-16 without its mark', 'not-xml', Buffer.from(ofBlobs(blobText()), 'utf16le')],
  [
    'UTF-16 of an odd length',
    'not-xml',
    Buffer.from(`\ufeff${ofBlobs(blobText())}`, 'utf16le').subarray(0, -1),
  ],
  [
    'UTF-8 that is called UTF-16',
    'not-xml',
    Buffer.from(`<?xml version="1.0" encoding="utf-16"?>${ofBlobs(blobText())}`),
  ],
  ['elements deep in each other', 'not-xml', ofBlobs(`<Blob>${'<a>'.repeat(50_000)}`)],
  ['an attribute of 10 MB', 'not-xml', ofBlobs(`<Blob a="${'x'.repeat(10_000_000)}"/>`)],
  ['a name of 10 MB', 'not-xml', path('x'.repeat(10_000_000))],
  [
    'a thousand attributes',
    'not-xml',
    ofBlobs(`<Blob ${Array.from({ length: 1000 }, (_, at) => `a${at}=""`).join(' ')}/>`),
  ],
  ['an attribute twice', 'not-xml', swapped('Offset="0"', 'Offset="0" Offset="0"')],
  ['more elements in a blob than memory is for', 'not-xml', paged('<PageRange/>'.repeat(270_001))],
  ['text between blobs', 'not-xml', ofBlobs(`${blobText()}x`)],
  ['text in Drive', 'not-xml', swapped('<BlobList>', 'x<BlobList>')],
  ['another root', 'not-a-manifest', '<DriveLog><DriveId>a</DriveId></DriveLog>'],
  [
    'a root in small letters',
    'not-a-manifest',
    ofBlobs('').replaceAll('DriveManifest', 'drivemanifest'),
  ],
  ['no Drive', 'element-missing', '<DriveManifest Version="2014-11-01"/>'],
  ['a Drive without lists', 'element-missing', manifestText('')],
  ['no DriveId', 'element-missing', without('<DriveId>WD-1</DriveId>')],
  [
    'DriveId after a list',
    'element-missing',
    `<DriveManifest Version="1"><Drive>${listText('')}<DriveId>a</DriveId>${TAIL}`,
  ],
  ['a second DriveId', 'element-repeated', swapped('</DriveId>', '</DriveId><DriveId>b</DriveId>')],
  ['an empty DriveId', 'value-invalid', swapped('WD-1', ' ')],
  ['a DriveId with a line in it', 'value-invalid', swapped('WD-1', 'WD\n1')],
  ['no Version', 'attribute-missing', without(' Version="2014-11-01"')],
  ['an empty Version', 'value-invalid', swapped('2014-11-01', '')],
  ['a second Drive', 'element-repeated', swapped('</Drive>', '</Drive><Drive></Drive>')],
  [
    'two credentials',
    'element-repeated',
    swapped('</DriveId>', '</DriveId><StorageAccountKey/><ContainerSas/>'),
  ],
  [
    'a credential after a list',
    'element-misplaced',
    swapped('</Drive>', '<StorageAccountKey/></Drive>'),
  ],
  ['an unknown element in Drive', 'element-unknown', swapped('<BlobList>', '<Owner/><BlobList>')],
  ['an unknown element in a list', 'element-unknown', ofBlobs('<Blop/>')],
  ['an unknown element in the root', 'element-unknown', swapped('</Drive>', '</Drive><Extra/>')],
  ['an unknown attribute', 'attribute-unknown', swapped('<Blob>', '<Blob Size="5">')],
  [
    'metadata of a list after a blob',
    'element-misplaced',
    ofBlobs(`${blobText()}<MetadataPath Hash="${MD5}">a</MetadataPath>`),
  ],
  [
    'properties of a list twice',
    'element-repeated',
    ofBlobs(`<PropertiesPath Hash="${MD5}">a</PropertiesPath>`.repeat(2)),
  ],

  // One blob.
  ['an unknown element in a blob', 'element-unknown', ofBlobs(blobText({ more: '<Md5/>' }))],
  ['an element of a wrong case', 'element-unknown', swapped(/FilePath/gu, 'Filepath')],
  ['an element in a name', 'element-unknown', path('pictures/<b/>a')],
  ['text in a blob', 'text-misplaced', swapped('<Length>', 'x<Length>')],
  ['no BlobPath', 'element-missing', without(/<BlobPath>.*<\/BlobPath>/u)],
  ['no FilePath', 'element-missing', without(/<FilePath>.*<\/FilePath>/u)],
  ['no Length', 'element-missing', without('<Length>5</Length>')],
  ['no list of ranges', 'element-missing', ofBlobs(blobText({ content: '' }))],
  [
    'two BlobPaths',
    'element-repeated',
    ofBlobs(blobText({ more: '<BlobPath>pictures/b</BlobPath>' })),
  ],
  [
    'two lists of blocks',
    'element-repeated',
    ofBlobs(blobText({ content: blocks(block(0, 5)).repeat(2) })),
  ],
  ['blocks and pages', 'element-misplaced', ofBlobs(blobText({ content: blocks('') + pages('') }))],
  [
    'a disposition in capitals',
    'value-invalid',
    ofBlobs(blobText({ more: '<ImportDisposition>Rename</ImportDisposition>' })),
  ],
  ['an empty disposition', 'value-invalid', ofBlobs(blobText({ more: '<ImportDisposition/>' }))],
  [
    'metadata without a hash',
    'attribute-missing',
    ofBlobs(blobText({ more: '<MetadataPath>a</MetadataPath>' })),
  ],
  ['a length below zero', 'value-invalid', length('-5')],
  ['a length with a plus', 'value-invalid', length('+5')],
  ['a length with an exponent', 'value-invalid', length('5e0')],
  ['a length in hex', 'value-invalid', length('0x5')],
  ['a length with blanks', 'value-invalid', length(' 5')],
  ['a length with a point', 'value-invalid', length('5.0')],
  ['a length in other digits', 'value-invalid', length('٥')],
  ['no length in Length', 'value-invalid', length('')],
  ['a length of 10^30', 'value-invalid', length(`1${'0'.repeat(30)}`)],
  ['a length beyond 2^53', 'value-invalid', length('9007199254740993')],

  // Where it goes.
  ['no container', 'blob-path-invalid', path('a.jpg')],
  ['a slash in front', 'blob-path-invalid', path('/pictures/a.jpg')],
  ['a URL', 'blob-path-invalid', path('https://x.blob.core.windows.net/pictures/a.jpg')],
  ['a container in capitals', 'blob-path-invalid', path('Pictures/a.jpg')],
  ['a short container', 'blob-path-invalid', path('ab/a.jpg')],
  ['a long container', 'blob-path-invalid', path(`${'a'.repeat(64)}/a.jpg`)],
  ['a container with two hyphens', 'blob-path-invalid', path('pic--tures/a.jpg')],
  ['a container with a hyphen in front', 'blob-path-invalid', path('-pictures/a.jpg')],
  ['a container with an underscore', 'blob-path-invalid', path('my_pictures/a.jpg')],
  ['a container of the service', 'blob-path-invalid', path('$logs/a.jpg')],
  ['no name', 'blob-path-invalid', path('pictures/')],
  ['a name of 1,025 characters', 'blob-path-invalid', path(`pictures/${'a'.repeat(1025)}`)],
  ['a way up', 'blob-path-invalid', path('pictures/../secrets/a.jpg')],
  ['a segment that stays', 'blob-path-invalid', path('pictures/./a.jpg')],
  ['a way up at the end', 'blob-path-invalid', path('pictures/a/..')],
  ['a line in a name', 'blob-path-invalid', path('pictures/a\nb.jpg')],
  ['a control character', 'blob-path-invalid', path('pictures/a\u0085.jpg')],
  ['a folder in $root', 'blob-path-invalid', path('$root/a/b.jpg')],
  ['an empty BlobPath', 'blob-path-invalid', path('')],

  // Blocks.
  ['a hash that is short', 'value-invalid', cut(block(0, 5).replace(MD5, MD5.slice(1)), 5)],
  [
    'a hash in Base64',
    'value-invalid',
    cut(block(0, 5).replace(MD5, 'qiWF9vb9AcStQlbgGCQM1A=='), 5),
  ],
  ['a block without a hash', 'attribute-missing', cut('<Block Offset="0" Length="5"/>', 5)],
  ['a block without an offset', 'attribute-missing', cut(`<Block Length="5" Hash="${MD5}"/>`, 5)],
  ['a block with a status', 'attribute-unknown', cut(block(0, 5, ' Status="Completed"'), 5)],
  ['text in a list of blocks', 'text-misplaced', cut(`${block(0, 5)}x`, 5)],
  ['a page in a list of blocks', 'element-unknown', cut(page(0, 5), 5)],
  ['an offset below zero', 'value-invalid', cut(block('-1', 5), 5)],
  ['an offset in hex', 'value-invalid', cut(block('0x0', 5), 5)],
  ['no block of a file', 'range-gap', cut('', 5)],
  ['a gap at the beginning', 'range-gap', cut(block(1, 4), 5)],
  ['a gap in the middle', 'range-gap', cut(block(0, 2) + block(3, 2), 5)],
  ['a gap at the end', 'range-gap', cut(block(0, 4), 5)],
  ['blocks that overlap', 'range-order', cut(block(0, 3) + block(2, 3), 5)],
  ['blocks in another order', 'range-gap', cut(block(3, 2) + block(0, 3), 5)],
  ['more bytes than the file has', 'range-beyond-end', cut(block(0, 6), 5)],
  ['a block without bytes', 'range-size', cut(block(0, 5) + block(5, 0), 5)],
  ['a block beyond 4 MiB', 'range-size', cut(block(0, 4_194_305), 4_194_305)],
  ['ids of unequal length', 'block-ids', ofBlobs(ids(named('AAAA'), named('AAAAAAAA')))],
  ['ids for some', 'block-ids', ofBlobs(ids(named('AAAA'), ''))],
  ['an id that is not Base64', 'block-ids', ofBlobs(ids(named('AAA!')))],
  ['an id without its padding', 'block-ids', ofBlobs(ids(named('AAAAAA')))],
  ['an empty id', 'block-ids', ofBlobs(ids(named('')))],
  ['an id of 65 bytes', 'block-ids', ofBlobs(ids(named(Buffer.alloc(65).toString('base64'))))],
  [
    'one id for two different blocks',
    'block-ids',
    cut(block(0, 2, named('AAAA')) + block(2, 3, named('AAAA')), 5),
  ],
  [
    'no ids in a large blob',
    'block-ids',
    cut(
      Array.from({ length: 17 }, (_, at) => block(at * 4_194_304, 4_194_304)).join(''),
      17 * 4_194_304,
    ),
  ],

  // Pages.
  ['a page blob of half a page', 'length-invalid', paged('', 100)],
  ['an offset between pages', 'range-misaligned', paged(page(100, 512))],
  ['half a page', 'range-misaligned', paged(page(0, 100))],
  ['a range without bytes', 'range-size', paged(page(0, 0))],
  ['a range beyond 4 MiB', 'range-size', paged(page(0, 4_194_816), 8 * 4_194_304)],
  ['ranges that overlap', 'range-order', paged(page(0, 1024) + page(512, 512))],
  ['ranges in another order', 'range-order', paged(page(1024, 512) + page(0, 512))],
  ['a range twice', 'range-order', paged(page(0, 512).repeat(2))],
  ['a range beyond the end', 'range-beyond-end', paged(page(7680, 1024))],
  ['a range with an id', 'attribute-unknown', paged(page(0, 512).replace('/>', ' Id="AAAA"/>'))],
];

describe('a manifest that breaks the grammar is refused', () => {
  test.each(BROKEN)('%s: %s', async (_, fault, text) => {
    expect((await refusalOf([text])).payload.fault).toBe(fault);
  });

  test('before it is read to its end', async () => {
    let given = 0;
    async function* endless() {
      yield `${HEAD}<BlobList>`;
      for (;;) {
        given++;
        yield `<!-- ${'x'.repeat(10_000)}`;
      }
    }
    expect((await refusalOf(endless())).payload.fault).toBe('not-xml');
    expect(given).toBeLessThan(20);
  });

  test('with line, column and blob', async () => {
    const text = `${HEAD}\n${listText(`\n${blobText()}\n${blobText({ path: 'pictures/b.jpg', length: 6 })}`)}${TAIL}`;
    const { payload, message } = await refusalOf([text]);
    expect(payload).toMatchObject({ line: 4, blob: '"pictures/b.jpg"', fault: 'range-gap' });
    expect(payload.column).toBeGreaterThan(90);
    expect(message).toMatch(
      /^line 4, column \d+: blob "pictures\/b\.jpg": the blocks end at 5, the file at 6$/u,
    );
  });

  test('after the blobs in front of it', async () => {
    const seen: string[] = [];
    const read = async () => {
      const text = ofBlobs(blobText(), blobText({ length: 'x' }));
      for await (const { kind } of readDriveManifest([text])) seen.push(kind);
    };
    await expect(read()).rejects.toMatchObject({ code: 'manifest-invalid' });
    expect(seen).toEqual(['head', 'list', 'blob']);
  });

  test('but a disk that cannot be read is another matter', async () => {
    async function* failing() {
      yield HEAD;
      throw Object.assign(new Error('read failed'), { code: 'EIO' });
    }
    await expect(itemsOf(failing())).rejects.toMatchObject({ code: 'EIO' });
  });
});

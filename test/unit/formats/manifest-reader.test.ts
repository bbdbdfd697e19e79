import { describe, expect, test } from 'vitest';
import {
  azureSample,
  blobsOf,
  blobText,
  block,
  blocks,
  itemsOf,
  listText,
  MD5,
  manifestText,
  ofBlobs,
  page,
  pages,
  refusalOf,
} from '../../support/manifests.ts';

const GIB = 1024 ** 3;
const SHA256 = MD5.repeat(2);

describe('the published samples', () => {
  test('an export manifest is read blob by blob', async () => {
    const items = await itemsOf([
      await azureSample('manifests/2011-10-01_export_DriveManifest.xml'),
    ]);
    expect(items).toHaveLength(4);
    expect(items[0]).toEqual({
      kind: 'head',
      version: '2011-10-01',
      driveId: '9WM35C3U',
      hasCredential: false,
      clientCreator: 'Windows Azure Import/Export service',
    });
    expect(items[1]).toEqual({ kind: 'list' });
    expect(items[2]).toEqual({
      kind: 'blob',
      path: { container: 'pictures', name: 'city/redmond.jpg' },
      filePath: '\\pictures\\city\\redmond.jpg',
      length: 15_360,
      disposition: 'rename',
      content: {
        kind: 'pages',
        list: [
          { offset: 0, length: 3584, hash: md5('72FC55ED9AFDD40A0C8D5C4193208416') },
          { offset: 3584, length: 3584, hash: md5('68B28A561B73D1DA769D4C24AA427DB8') },
          { offset: 7168, length: 512, hash: md5('F521DF2F50C46BC5F9EA9FB787A23EED') },
        ],
      },
      properties: {
        path: '\\pictures\\city\\redmond.jpg.properties',
        hash: md5('E72A22EA959566066AD89E3B49020C0A'),
      },
    });
    expect(items[3]).toMatchObject({
      length: 10_884,
      content: {
        kind: 'blocks',
        list: [{ id: 'AAAAAA==' }, { id: 'AQAAAA==' }, {}, { offset: 8163 }],
      },
    });
  });

  const TEMPLATE = 'manifests/v2-tool_2011-MM-DD_import_DriveManifest.template.xml';

  test('the template of an import manifest is read when its places are filled', async () => {
    const filled = (await azureSample(TEMPLATE))
      .replaceAll('md5-hash', MD5)
      .replace('blob-path-relative-to-account', 'pictures/a.vhd')
      .replace('content-length', '2147483648')
      .replace('import-disposition', 'no-overwrite')
      .replace('<PageRange Offset="1073741824"', '<PageRange Offset="512"')
      .replace(/<BlockList>[\s\S]*<\/BlockList>/u, '');
    const items = await itemsOf([filled]);
    expect(items[0]).toMatchObject({
      version: '2011-MM-DD',
      driveId: 'drive-id',
      hasCredential: true,
    });
    expect(items[1]).toEqual({
      kind: 'list',
      id: 'session#1-0',
      metadata: { path: 'global-metadata-file-path', hash: md5(MD5) },
      properties: { path: 'global-properties-file-path', hash: md5(MD5) },
    });
    expect(items[2]).toMatchObject({
      disposition: 'no-overwrite',
      length: 2 * GIB,
      content: { kind: 'pages', list: [{ offset: 512 }, { offset: GIB }] },
      metadata: { path: 'metadata-file-path' },
    });
  });

  test('the template with its places still open is refused at the first of them', async () => {
    const { payload } = await refusalOf([await azureSample(TEMPLATE)]);
    expect(payload).toMatchObject({ fault: 'value-invalid', line: 10 });
    expect(payload.problem).toContain('"md5-hash"');
  });
});

const md5 = (hex: string) => ({ algorithm: 'md5', hex });

describe('what tools write differently is the same', () => {
  const plain = ofBlobs(blobText());

  test.each([
    ['a byte order mark', Buffer.from(`\ufeff${plain}`)],
    ['UTF-16, little end first', Buffer.from(`\ufeff${plain}`, 'utf16le')],
    ['UTF-16, big end first', Buffer.from(`\ufeff${plain}`, 'utf16le').swap16()],
    [
      'UTF-16 that says so',
      Buffer.from(`\ufeff<?xml version="1.0" encoding="utf-16"?>${plain}`, 'utf16le'),
    ],
    ['line ends of Windows', Buffer.from(plain.replaceAll('><', '>\r\n<'))],
    ['namespaces that nobody uses', Buffer.from(plain.replace('Version', 'xmlns:xsi="x" Version'))],
    ['comments and instructions', Buffer.from(plain.replace('<Blob>', '<!-- x --><?x y?><Blob>'))],
    ['a blank before a hash', Buffer.from(plain.replace(MD5, ` ${MD5}`))],
    ['a hash in small letters', Buffer.from(plain.replace(MD5, MD5.toLowerCase()))],
    ['blanks around the serial', Buffer.from(plain.replace('WD-1', '\n WD-1 \n'))],
    ['text in CDATA', Buffer.from(plain.replace('\\a.jpg', '<![CDATA[\\a.jpg]]>'))],
    [
      'a comment of the customer',
      Buffer.from(plain.replace('<Length>', '<ClientData>x</ClientData><Length>')),
    ],
    [
      'the default disposition',
      Buffer.from(
        plain.replace('<Length>', '<ImportDisposition>rename</ImportDisposition><Length>'),
      ),
    ],
  ])('%s', async (_, bytes) => {
    const expected = await itemsOf([plain]);
    expect(await itemsOf([bytes])).toEqual(expected);
    expect(await itemsOf(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(expected);
  });

  test('text is what stands there: no escapes of ours, no escapes of URLs, blanks kept', async () => {
    const path = 'pictures/Seattle (2) %20 &amp; _x0041_ +.jpg';
    const [blob] = await blobsOf(ofBlobs(blobText({ path, file: ' \\a_x0041_.jpg ' })));
    expect(blob?.path.name).toBe('Seattle (2) %20 & _x0041_ +.jpg');
    expect(blob?.filePath).toBe(' \\a_x0041_.jpg ');
  });

  test('lists can be empty, many, and without a name', async () => {
    const lists = `${listText('')}<BlobList Id="b#1-0">${blobText()}</BlobList>${listText('')}`;
    const items = await itemsOf([manifestText(lists)]);
    expect(items.map(({ kind }) => kind)).toEqual(['head', 'list', 'list', 'blob', 'list']);
    expect(items[2]).toEqual({ kind: 'list', id: 'b#1-0' });
  });

  test.each([
    ['no block', blocks('')],
    ['one block without bytes', blocks(block(0, 0))],
    ['no page', pages('')],
  ])('an empty file may be told as %s', async (_, content) => {
    const [blob] = await blobsOf(ofBlobs(blobText({ length: 0, content })));
    expect(blob?.content.list).toEqual([]);
  });

  test.each([
    ['$root/logo.bmp', { container: '$root', name: 'logo.bmp' }],
    ['abc/..a', { container: 'abc', name: '..a' }],
    [
      `${'a'.repeat(63)}/${'b'.repeat(1024)}`,
      { container: 'a'.repeat(63), name: 'b'.repeat(1024) },
    ],
    ['vhds/Ünïcode/日本語/𝄞.vhd', { container: 'vhds', name: 'Ünïcode/日本語/𝄞.vhd' }],
  ])('a blob can be called %s', async (path, expected) => {
    const [blob] = await blobsOf(ofBlobs(blobText({ path })));
    expect(blob?.path).toEqual(expected);
  });

  test.each([
    ['two equal blocks with one id', 10, block(0, 5, ' Id="AAAA"') + block(5, 5, ' Id="AAAA"')],
    ['a block of 4 MiB', 4_194_304, block(0, 4_194_304)],
    ['ids of 64 bytes', 5, block(0, 5, ` Id="${Buffer.alloc(64).toString('base64')}"`)],
    ['a SHA-256', 5, block(0, 5).replace(MD5, SHA256)],
  ])('a block blob can have %s', async (_, length, list) => {
    expect(await blobsOf(ofBlobs(blobText({ length, content: blocks(list) })))).toHaveLength(1);
  });

  test('a page blob can be sparse and end in a hole', async () => {
    const content = pages(page(512, 512) + page(8 * GIB, 4_194_304));
    const [blob] = await blobsOf(ofBlobs(blobText({ length: 1000 * GIB, content })));
    expect(blob?.content).toMatchObject({
      kind: 'pages',
      list: [{ offset: 512 }, { offset: 8 * GIB }],
    });
  });

  test('a blob of 50,000 blocks is one item, and one of 50,001 is none', async () => {
    const of = (count: number) => {
      const list = Array.from({ length: count }, (_, at) => block(at * 10, 10, ' Id="AAAA"'));
      return ofBlobs(blobText({ length: count * 10, content: blocks(list.join('')) }));
    };
    const [blob] = await blobsOf(of(50_000));
    expect(blob?.content.list).toHaveLength(50_000);
    expect((await refusalOf([of(50_001)])).payload.fault).toBe('blocks-too-many');
  });
});

describe('a credential is never kept', () => {
  const withHead = (inner: string) =>
    ofBlobs(blobText()).replace('</DriveId>', `</DriveId>${inner}`);
  const SECRET = 'c2VjcmV0IGtleSBvZiBhIGN1c3RvbWVy';

  test.each([
    ['a key', `<StorageAccountKey>${SECRET}</StorageAccountKey>`],
    ['a SAS', `<ContainerSas>pictures?sig=${SECRET}</ContainerSas>`],
  ])('%s is only known to be there', async (_, credential) => {
    const items = await itemsOf([withHead(credential)]);
    expect(items[0]).toMatchObject({ hasCredential: true });
    expect(JSON.stringify(items)).not.toContain(SECRET);
  });

  test.each([
    ['that is not well-formed', `<StorageAccountKey>${SECRET}&${SECRET};</StorageAccountKey>`],
    ['with an element in it', `<StorageAccountKey>${SECRET}<b/></StorageAccountKey>`],
    ['that is named wrongly', `<StorageAccountkey>${SECRET}</StorageAccountkey>`],
    ['given twice', `<StorageAccountKey>${SECRET}</StorageAccountKey>`.repeat(2)],
    ['without an end', `<StorageAccountKey>${SECRET}`],
    ['as an attribute', `<StorageAccountKey Key="${SECRET}"/>`],
    ['as the path of a blob', listText(blobText({ path: `https://x/pictures?sig=${SECRET}` }))],
  ])('one %s is in no message', async (_, credential) => {
    const refusal = await refusalOf([withHead(credential)]);
    const told = [
      refusal.message,
      JSON.stringify(refusal.payload),
      String(refusal.cause),
      refusal.stack,
    ];
    expect(told.join('\n')).not.toContain(SECRET);
  });
});

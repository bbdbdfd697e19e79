import { describe, expect, it } from 'vitest';
import { all, openLog, sample, wholeLog } from '../../support/drive-logs.ts';

const HEAD = '<DriveLog Version="2014-11-01"><DriveId>WD-1</DriveId>';
const TAIL = '<Status>Completed</Status></DriveLog>';
const blob = (inner: string, status = 'Completed') =>
  `${HEAD}<Blob Status="${status}"><BlobPath>a/b</BlobPath><FilePath>\\b</FilePath><Length>5</Length>${inner}</Blob>${TAIL}`;

const refused = (text: string | Uint8Array, words: RegExp) =>
  expect(wholeLog([text])).rejects.toMatchObject({
    code: 'xml-invalid',
    message: expect.stringMatching(words),
  });

describe('the published samples', () => {
  it('are read with a blank before a hash and everything else in place', async () => {
    const log = await wholeLog([await sample('2014-11-01_import_verbose.xml')]);
    expect(log).toMatchObject({
      version: '2014-11-01',
      driveId: 'WD-WMATV123456',
      status: 'CompletedWithErrors',
    });
    expect(log.blobs[0]).toEqual({
      status: 'Completed',
      blobPath: 'pictures/bob/wild/desert.jpg',
      filePath: '\\Users\\bob\\Pictures\\wild\\desert.jpg',
      length: 98_304,
      disposition: { value: 'overwrite', status: 'Created' },
      ranges: {
        kind: 'blocks',
        list: [
          {
            offset: 0,
            length: 65_536,
            id: 'AAAAAA==',
            hash: '9C8AE14A55241F98533C4D80D85CDC68',
            status: 'Completed',
          },
          {
            offset: 65_536,
            length: 32_768,
            id: 'AQAAAA==',
            hash: 'DF54C531C9B3CA2570FDDDB3BCD0E27D',
            status: 'Completed',
          },
        ],
      },
      metadata: {
        status: 'Completed',
        globalPath: {
          path: '\\Users\\bob\\Pictures\\wild\\metadata.xml',
          hash: 'E34F54B7086BCF4EC1601D056F4C7E37',
        },
      },
    });
    expect(log.blobs[1]?.ranges?.list).toHaveLength(3);
    expect(log.blobs[1]?.properties?.path?.hash).toBe('38D7AE80653F47F63C0222FEE90EC4E7');
  });

  it('are read with an empty list, a failed side file without a path, and the date first', async () => {
    const { blobs } = await wholeLog([await sample('2014-11-01_export_error_properties.xml')]);
    expect(blobs).toEqual([
      {
        status: 'CompletedWithErrors',
        blobPath: 'pictures/wild/canyon.jpg',
        filePath: '\\pictures\\wild\\canyon.jpg',
        lastModified: '2012-09-18T23:47:08Z',
        length: 163_840,
        ranges: { kind: 'blocks', list: [] },
        properties: { status: 'Failed' },
      },
    ]);
  });

  it('are read when two blocks have one id, and without a version', async () => {
    const missing = await wholeLog([await sample('2014-11-01_import_error_filenotfound.xml')]);
    const blocks = missing.blobs[0]?.ranges?.list ?? [];
    expect(blocks).toHaveLength(5);
    expect(blocks[3]).toEqual({ ...blocks[4], offset: 18_186 });
    const old = await wholeLog([await sample('unversioned_export_error_block.xml')]);
    expect(old.version).toBeUndefined();
    expect(old.blobs[0]?.ranges?.list).toEqual([
      { offset: 65_536, length: 65_536, id: 'AQAAAA==', status: 'Failed' },
    ]);
  });

  it('of version 2018-10-01 are read with their own words', async () => {
    const clean = await wholeLog([await sample('2018-10-01_databoxdisk_error_clean.xml')]);
    expect(clean).toEqual({
      version: '2018-10-01',
      driveId: '184020D95632',
      blobs: [],
      status: 'Completed',
    });
    const renamed = await wholeLog([await sample('2018-10-01_databoxdisk_error_renamed.xml')]);
    expect(renamed.blobs).toHaveLength(3);
    expect(renamed.blobs[0]).toMatchObject({
      status: 'ContainerRenamed',
      filePath: '\\PageBlob\\pageblob test\\private.vhd',
      length: 10_490_880,
    });
    const cut = await wholeLog([await sample('2018-10-01_databoxdisk_verbose.abridged.xml.txt')]);
    expect(cut.blobs.map((each) => each.ranges?.list.length)).toEqual([7, 1]);
  });

  it('that are no logs are refused at their place', async () => {
    await refused(
      await sample('unversioned_import_error_corrupted.asprinted.txt'),
      /^line 4, column 1\d: .*quote/iu,
    );
    await refused(await sample('2021-08-01_import_copylog.fragment.txt'), /not a DriveLog/u);
  });

  it('can be written by Windows, in any pieces', async () => {
    const bytes = await sample('2014-11-01_import_verbose.xml');
    const crlf = `\ufeff${bytes.toString().replaceAll('\n', '\r\n')}`;
    const single = Array.from(Buffer.from(crlf), (byte) => Uint8Array.of(byte));
    expect(await wholeLog(single)).toEqual(await wholeLog([bytes]));
  });
});

describe('a log that would send a repair astray is refused', () => {
  it.each([
    ['an unknown drive status', `${HEAD}<Status>Fine</Status></DriveLog>`, /Status says "Fine"/u],
    ['an unknown blob status', blob('', 'Renamed'), /Blob says "Renamed"/u],
    ['no blob status', blob('').replace(' Status="Completed"', ''), /Blob says nothing/u],
    [
      'an unknown block status',
      blob('<BlockList><Block Offset="0" Length="1" Status="Ok"/></BlockList>'),
      /Block says "Ok"/u,
    ],
    [
      'a negative offset',
      blob('<BlockList><Block Offset="-1" Length="1" Status="Failed"/></BlockList>'),
      /"-1" is not a number/u,
    ],
    [
      'a hash that is none',
      blob('<BlockList><Block Offset="1" Length="1" Hash="xyz" Status="Failed"/></BlockList>'),
      /"xyz" is not a hash/u,
    ],
    ['a length beyond all numbers', blob('').replace('>5<', '>9999999999999999<'), /not a number/u],
    [
      'a blob without a path',
      blob('').replace(/<BlobPath>.*<\/BlobPath>/u, ''),
      /without BlobPath/u,
    ],
    ['two kinds of ranges', blob('<BlockList/><PageRangeList/>'), /both/u],
    ['no Status', `${HEAD}</DriveLog>`, /without a Status/u],
    [
      'something after Status',
      `${HEAD}<Status>Completed</Status><Blob/></DriveLog>`,
      /after Status/u,
    ],
    [
      'an unknown version',
      '<DriveLog Version="2099-01-01"><DriveId>x</DriveId></DriveLog>',
      /2099/u,
    ],
    ['no DriveId', `<DriveLog>${TAIL}`, /does not begin with DriveId/u],
    ['an end in the middle', blob('').slice(0, -5), /unclosed|end/iu],
    ['nothing at all', '', /line 1/u],
  ])('%s', async (_, text, words) => {
    await refused(text, words);
  });

  it('and says no status before it has come to it', async () => {
    const log = await openLog([blob('')]);
    expect(() => log.status()).toThrow(/no Status yet/u);
    await all(log.blobs);
    expect(log.status()).toBe('Completed');
  });
});

describe('hostile XML', () => {
  it.each([
    ['an external entity', `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>${blob('&x;')}`],
    ['a billion laughs', `<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>${blob('&b;')}`],
    ['a DOCTYPE without an end', `<!DOCTYPE a [${' '.repeat(2_000_000)}`],
    ['an unknown entity', blob('&nbsp;')],
    ['a character that XML does not have', blob('&#1;')],
    ['another encoding', `<?xml version="1.0" encoding="utf-16"?>${blob('')}`],
    ['bytes that are not UTF-8', Buffer.from(blob('\u00e9'), 'latin1')],
    ['UTF-16', Buffer.from(blob(''), 'utf16le')],
    ['many elements deep', blob('<a>'.repeat(20))],
    ['a long text', blob(`<BlobPath>${'x'.repeat(2_000_000)}`)],
    ['a long text in pieces', blob(`<BlobPath>${`<![CDATA[${'x'.repeat(999)}]]>`.repeat(200)}`)],
    ['a long attribute', blob(`<a b="${'x'.repeat(2_000_000)}"/>`)],
    ['a long comment', blob(`<!--${'x'.repeat(2_000_000)}-->`)],
    [
      'many attributes',
      blob(`<a ${Array.from({ length: 999 }, (_, at) => `b${at}=""`).join(' ')}/>`),
    ],
    ['many elements in one', blob('<a/>'.repeat(300_000))],
    ['a second root', `${blob('')}<DriveLog/>`],
    ['one attribute twice', blob('<a b="" b=""/>')],
  ])('%s is refused', async (_, text) => {
    await expect(wholeLog([text])).rejects.toMatchObject({ code: 'xml-invalid' });
  });

  it('is refused before it is read to its end', async () => {
    let given = 0;
    async function* endless() {
      yield HEAD;
      for (;;) {
        given += 10_000;
        yield 'x'.repeat(10_000);
      }
    }
    await expect(wholeLog(endless())).rejects.toMatchObject({ code: 'xml-invalid' });
    expect(given).toBeLessThan(200_000);
  });

  it('says where it is wrong', async () => {
    const text = `${HEAD}\n<Blob Status="Completed">\n  <BlobPath>a</Wrong>`;
    await expect(wholeLog([text])).rejects.toMatchObject({ payload: { line: 3, column: 21 } });
  });

  it('reaches no prototype', async () => {
    const text = blob('<__proto__ constructor="x" __proto__="y"/><constructor/>');
    expect((await wholeLog([text])).blobs).toHaveLength(1);
  });
});

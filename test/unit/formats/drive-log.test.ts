import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DRIVE_STATUSES } from '../../../src/domain/copy-status.ts';
import { DISPOSITION_STATUSES, DISPOSITIONS } from '../../../src/domain/import-disposition.ts';
import {
  BLOB_STATUSES,
  type LogBlob,
  RANGE_STATUSES,
  SIDE_FILE_STATUSES,
} from '../../../src/formats/drive-log.ts';
import { driveLogXml } from '../../../src/formats/drive-log-writer.ts';
import { errorsOnly } from '../../../src/formats/errors-only.ts';
import { readXml, type XmlItem } from '../../../src/formats/xml-reader.ts';
import {
  all,
  logOf,
  openLog,
  plainBlob,
  sample,
  textOf,
  wholeLog,
} from '../../support/drive-logs.ts';

const MD5 = 'AA2585F6F6FD01C4AD4256E018240CD4';

describe('the writer', () => {
  it('writes every element and attribute in the order of the grammar, Status last', async () => {
    const blob: LogBlob = {
      status: 'CompletedWithErrors',
      blobPath: 'pictures/koala.jpg',
      filePath: '\\koala.jpg',
      snapshot: '2012-09-18T23:47:08.1234567Z',
      length: 163_840,
      lastModified: '2012-09-18T23:47:08Z',
      disposition: { value: 'rename', status: 'Renamed' },
      ranges: {
        kind: 'blocks',
        list: [
          { offset: 0, length: 65_536, id: 'AAAAAA==', hash: MD5, status: 'Completed' },
          { offset: 65_536, length: 1, status: 'Failed' },
        ],
      },
      metadata: { status: 'Completed', globalPath: { path: '\\m.xml', hash: MD5 } },
      properties: { status: 'Failed' },
    };
    const ranges = [{ offset: 0, length: 512, hash: MD5, status: 'Corrupted' }] as const;
    const pages = plainBlob({ ranges: { kind: 'pages', list: ranges } });
    const empty = plainBlob({ ranges: { kind: 'blocks', list: [] } });
    const log = logOf([blob, pages, empty], { status: () => 'CompletedWithErrors' });
    expect(await textOf(log)).toBe(`<?xml version="1.0" encoding="utf-8"?>
<DriveLog Version="2014-11-01">
  <DriveId>WD-1</DriveId>
  <Blob Status="CompletedWithErrors">
    <BlobPath>pictures/koala.jpg</BlobPath>
    <FilePath>\\koala.jpg</FilePath>
    <Snapshot>2012-09-18T23:47:08.1234567Z</Snapshot>
    <Length>163840</Length>
    <LastModified>2012-09-18T23:47:08Z</LastModified>
    <ImportDisposition Status="Renamed">rename</ImportDisposition>
    <BlockList>
      <Block Offset="0" Length="65536" Id="AAAAAA==" Hash="${MD5}" Status="Completed" />
      <Block Offset="65536" Length="1" Status="Failed" />
    </BlockList>
    <Metadata Status="Completed">
      <GlobalPath Hash="${MD5}">\\m.xml</GlobalPath>
    </Metadata>
    <Properties Status="Failed" />
  </Blob>
  <Blob Status="Completed">
    <BlobPath>disks/a.img</BlobPath>
    <FilePath>\\a.img</FilePath>
    <Length>5</Length>
    <PageRangeList>
      <PageRange Offset="0" Length="512" Hash="${MD5}" Status="Corrupted" />
    </PageRangeList>
  </Blob>
  <Blob Status="Completed">
    <BlobPath>disks/a.img</BlobPath>
    <FilePath>\\a.img</FilePath>
    <Length>5</Length>
    <BlockList />
  </Blob>
  <Status>CompletedWithErrors</Status>
</DriveLog>
`);
  });

  it('asks for the drive’s status only after the last blob', async () => {
    let blobsLeft = 3;
    async function* blobs() {
      while (blobsLeft-- > 0) yield plainBlob();
    }
    const log = logOf(blobs(), {
      status: () => (blobsLeft < 0 ? 'Completed' : 'InternalError'),
    });
    expect((await wholeLog([await textOf(log)])).status).toBe('Completed');
  });

  it('makes no more than it is asked for', async () => {
    let made = 0;
    async function* blobs() {
      for (; made < 100_000; made++) yield plainBlob({ filePath: `\\${'x'.repeat(1000)}` });
    }
    const pieces = driveLogXml(logOf(blobs()));
    for (let piece = 0; piece < 3; piece++) {
      const { value } = await pieces.next();
      expect(value?.length).toBeLessThan(70_000);
    }
    expect(made).toBeLessThan(300);
    await pieces.return(undefined);
  });
});

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('\ud83d', '\ude00', '\ufffe', '\u0000', '\r', '\n', '\t', 'x'),
  }),
  fc.string({ unit: fc.constantFrom('_x005F_', '_x0041_', '_', 'x005F', '\u0001', '_x00') }),
  fc.string({ unit: fc.constantFrom('&', '&amp;', '&lt;', '&#0;', ']]>', '<', '"', "'", '<!--') }),
  fc.string({ unit: fc.constantFrom('<?xml?>', '{"a":1}', '--- a', '# b', '%c', ' ') }),
);

describe('what is written is read back', () => {
  const hash = fc.constantFrom(MD5, undefined);
  const path = fc.record({ path: anyText, hash }).map(present);
  const sideFile = fc
    .record({
      status: fc.constantFrom(...SIDE_FILE_STATUSES),
      globalPath: fc.option(path, { nil: undefined }),
      path: fc.option(path, { nil: undefined }),
    })
    .map(present);
  const place = { offset: fc.nat(), length: fc.nat(), status: fc.constantFrom(...RANGE_STATUSES) };
  const block = fc
    .record({ ...place, hash, id: fc.option(anyText, { nil: undefined }) })
    .map(present);
  const ranges = fc.oneof(
    fc.record({ kind: fc.constant('blocks' as const), list: fc.array(block, { maxLength: 4 }) }),
    fc.record({
      kind: fc.constant('pages' as const),
      list: fc.array(fc.record({ ...place, hash }).map(present), { maxLength: 4 }),
    }),
  );
  const optional = <T>(made: fc.Arbitrary<T>) => fc.option(made, { nil: undefined });
  const blob = fc
    .record({
      status: fc.constantFrom(...BLOB_STATUSES),
      blobPath: anyText,
      filePath: anyText,
      snapshot: optional(anyText),
      length: fc.maxSafeNat(),
      disposition: optional(
        fc.record({
          value: fc.constantFrom(...DISPOSITIONS),
          status: fc.constantFrom(...DISPOSITION_STATUSES),
        }),
      ),
      ranges: optional(ranges),
      metadata: optional(sideFile),
      properties: optional(sideFile),
    })
    .map(present);

  it('whatever the names hold', async () => {
    const log = fc.record({
      driveId: anyText.map((text) => text.trim()),
      blobs: fc.array(blob, { maxLength: 3 }),
      status: fc.constantFrom(...DRIVE_STATUSES),
    });
    await fc.assert(
      fc.asyncProperty(log, fc.integer({ min: 1, max: 60 }), async (given, size) => {
        const { driveId, blobs, status } = given;
        const text = await textOf({ driveId, blobs, status: () => status });
        const bytes = Buffer.from(text);
        const cut = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
          bytes.subarray(at * size, (at + 1) * size),
        );
        expect(await wholeLog(cut)).toEqual({ version: '2014-11-01', ...given });
      }),
      { numRuns: 150 },
    );
  });

  it('and what no XML can hold has a form of its own', async () => {
    const odd = 'A\u0000\u0007\t\r\n\ud800\ufffe_x0041_</Blob>&amp;<';
    const text = await textOf(logOf([plainBlob({ filePath: odd })], { driveId: odd }));
    const inner =
      'A_x0000__x0007__x0009__x000D__x000A__xD800__xFFFE__x005F_x0041_&lt;/Blob&gt;&amp;amp;&lt;';
    expect(text).toContain(`<DriveId>${inner}</DriveId>`);
    expect(text).toContain(`<FilePath>${inner}</FilePath>`);
    const items = await all(readXml([text]));
    expect(items.map((item) => item.name)).toEqual(['DriveLog', 'DriveId', 'Blob', 'Status']);
  });
});

/** Without the properties that are `undefined`, as the types ask. */
function present<T extends object>(value: T) {
  type Kept = { [Key in keyof T as undefined extends T[Key] ? never : Key]: T[Key] } & {
    [Key in keyof T as undefined extends T[Key] ? Key : never]?: Exclude<T[Key], undefined>;
  };
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Kept;
}

describe('the error log', () => {
  it('of the published verbose sample is the published error sample, element by element', async () => {
    const verbose = await openLog([await sample('2014-11-01_import_verbose.xml')]);
    const text = await textOf(errorsOnly(verbose));
    const elements = async (xml: Uint8Array | string) => {
      const [root, driveId, ...rest] = await all(readXml([xml]));
      // The two samples are of one drive and still name two: its number is the only difference.
      expect([root?.name, driveId?.name]).toEqual(['DriveLog', 'DriveId']);
      return { version: root?.attributes, rest: rest.map(shape) };
    };
    expect(await elements(text)).toEqual(
      await elements(await sample('2014-11-01_import_error.xml')),
    );
  });

  it('keeps warnings, failing side files and an empty list', async () => {
    const log = logOf([
      plainBlob({ disposition: { value: 'overwrite', status: 'Created' } }),
      plainBlob({ blobPath: 'b', disposition: { value: 'rename', status: 'Renamed' } }),
      plainBlob({
        blobPath: 'c',
        status: 'CompletedWithErrors',
        ranges: { kind: 'blocks', list: [{ offset: 0, length: 5, status: 'Completed' }] },
        metadata: { status: 'Completed' },
        properties: { status: 'Failed' },
      }),
    ]);
    const { blobs } = await wholeLog([await textOf(errorsOnly(log))]);
    expect(blobs).toEqual([
      plainBlob({ blobPath: 'b', disposition: { value: 'rename', status: 'Renamed' } }),
      plainBlob({
        blobPath: 'c',
        status: 'CompletedWithErrors',
        ranges: { kind: 'blocks', list: [] },
        properties: { status: 'Failed' },
      }),
    ]);
  });

  it('has exactly the ranges that are not completed', async () => {
    const list = RANGE_STATUSES.map((status, offset) => ({ offset, length: 1, status }));
    const blob = plainBlob({ status: 'Failed', ranges: { kind: 'pages', list } });
    const { blobs } = await wholeLog([await textOf(errorsOnly(logOf([blob])))]);
    expect(blobs[0]?.ranges?.list).toEqual(list.slice(1));
  });
});

/** An element as it is compared: where it stands in its file does not matter. */
function shape(item: XmlItem): object {
  return {
    name: item.name,
    attributes: [...item.attributes],
    text: item.children.length === 0 ? item.text : '',
    children: item.children.map(shape),
  };
}

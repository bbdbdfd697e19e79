import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStationError } from '../../../src/errors.ts';
import { metadataXml, readMetadataFile } from '../../../src/formats/metadata-file.ts';
import { propertiesXml, readPropertiesFile } from '../../../src/formats/properties-file.ts';
import { azureSample } from '../../support/manifests.ts';

const metadata = (inner: string) => readMetadataFile([`<Metadata>${inner}</Metadata>`]);
const properties = (inner: string) => readPropertiesFile([`<Properties>${inner}</Properties>`]);

describe('a metadata file', () => {
  test('of the tool’s own sample is read', async () => {
    expect(await readMetadataFile([await azureSample('tool/SampleMetadata.xml')])).toEqual({
      UploadMethod: 'Windows Azure Import/Export Service',
      DataSetName: 'SampleData',
      CreationDate: '10/1/2013',
    });
  });

  test('can be empty, and can be UTF-16 of Windows', async () => {
    expect(await metadata('')).toEqual({});
    const text =
      '\ufeff<?xml version="1.0" encoding="utf-16"?>\r\n<Metadata>\r\n<a>b</a>\r\n</Metadata>';
    expect(await readMetadataFile([Buffer.from(text, 'utf16le')])).toEqual({ a: 'b' });
  });

  test('has names of its own, whatever they are called elsewhere', async () => {
    const found = await metadata('<__proto__>a</__proto__><constructor>b</constructor>');
    expect(Object.entries(found)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]);
  });

  test('loses the blanks around a value and keeps those inside', async () => {
    expect(await metadata('<a>\n  b  c\n</a>')).toEqual({ a: 'b  c' });
  });

  test.each([
    ['nothing', '', /root/u],
    ['no XML', 'a=b', /line 1/u],
    ['properties', '<Properties/>', /"Properties" is not Metadata/u],
    ['a DOCTYPE', '<!DOCTYPE a [<!ENTITY x "y">]><Metadata><a>&x;</a></Metadata>', /DOCTYPE/u],
    ['an end in the middle', '<Metadata><a>b</a>', /unclosed/u],
    ['text beside its elements', '<Metadata>x<a>b</a></Metadata>', /text in Metadata/u],
    [
      'a name with a hyphen',
      '<Metadata><a-b>c</a-b></Metadata>',
      /"a-b" has a name that is no identifier/u,
    ],
    ['a name of another script', '<Metadata><größe>c</größe></Metadata>', /no identifier/u],
    ['a name twice', '<Metadata>\n<a>b</a>\n<A>c</A></Metadata>', /^line 3 .*"A" appears twice/u],
    ['a value that is empty', '<Metadata><a/></Metadata>', /empty/u],
    ['a value of blanks', '<Metadata><a> </a></Metadata>', /empty/u],
    ['a value with a line in it', '<Metadata><a>b\nc</a></Metadata>', /printable/u],
    ['a value beyond ASCII', '<Metadata><a>für</a></Metadata>', /printable ASCII/u],
    ['an element in a value', '<Metadata><a>b<c/></a></Metadata>', /has elements in it/u],
    [
      'more than 8 KiB of values',
      `<Metadata><a>${'b'.repeat(8191)}</a><c>d</c></Metadata>`,
      /"c" goes beyond 8192/u,
    ],
    [
      'more than 64 KiB of comments',
      `<Metadata><!--${' '.repeat(65_536)}--></Metadata>`,
      /larger than 65536/u,
    ],
  ])('with %s is refused', async (_, text, words) => {
    await expect(readMetadataFile([text])).rejects.toMatchObject({
      code: 'side-file-invalid',
      payload: { kind: 'metadata' },
      message: expect.stringMatching(words),
    });
  });

  test('may fill the 8 KiB', async () => {
    expect(await metadata(`<a>${'b'.repeat(8191)}</a>`)).toEqual({ a: 'b'.repeat(8191) });
  });
});

describe('a properties file', () => {
  test('of the tool’s own sample is read', async () => {
    expect(await readPropertiesFile([await azureSample('tool/SampleProperties.xml')])).toEqual({
      contentType: 'application/octet-stream',
      contentMd5: 'Q2hlY2sgSW50ZWdyaXR5IQ==',
      cacheControl: 'no-cache',
    });
  });

  test('sets what it sets, and what an export tells of the blob is passed over', async () => {
    const inner = `
      <Last-Modified>Tue, 18 Sep 2012 23:47:08 GMT</Last-Modified><Etag>"0x8CF"</Etag>
      <Content-Length>5</Content-Length><Content-Language>en-GB</Content-Language>
      <Content-Encoding/><Content-Type>text/plain; charset="utf-8"</Content-Type>`;
    expect(await properties(inner)).toEqual({
      contentType: 'text/plain; charset="utf-8"',
      contentLanguage: 'en-GB',
    });
  });

  test.each([
    [
      'a property that the format does not have',
      '<Content-Disposition>inline</Content-Disposition>',
      /"Content-Disposition" is no property/u,
    ],
    ['a property in small letters', '<content-type>a/b</content-type>', /no property/u],
    [
      'a property twice',
      '<Cache-Control>a</Cache-Control><Cache-Control>b</Cache-Control>',
      /twice/u,
    ],
    [
      'an MD5 in hex',
      '<Content-MD5>AA2585F6F6FD01C4AD4256E018240CD4</Content-MD5>',
      /no header can carry/u,
    ],
    [
      'a header inside a header',
      '<Content-Type>a/b&#13;&#10;x-ms-copy-source: c</Content-Type>',
      /no header can carry/u,
    ],
    ['a value beyond ASCII', '<Content-Language>日本</Content-Language>', /no header can carry/u],
  ])('with %s is refused', async (_, inner, words) => {
    await expect(properties(inner)).rejects.toMatchObject({
      code: 'side-file-invalid',
      payload: { kind: 'properties' },
      message: expect.stringMatching(words),
    });
  });
});

test('a disk that cannot be read is another matter', async () => {
  async function* failing() {
    yield '<Metadata>';
    throw Object.assign(new Error('read failed'), { code: 'EIO' });
  }
  await expect(readMetadataFile(failing())).rejects.toMatchObject({ code: 'EIO' });
});

const value = fc
  .string({ unit: fc.constantFrom(...'ab &<>"\'/=:;.'), minLength: 1, maxLength: 30 })
  .map((text) => text.trim())
  .filter((text) => text !== '');

test('what is written is read back', async () => {
  const name = fc
    .string({ unit: fc.constantFrom(...'abXY_09'), minLength: 1 })
    .map((text) => `m${text}`);
  const entries = fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key.toLowerCase() });
  const headers = fc.record(
    {
      contentType: value,
      contentMd5: fc.constant('Q2hlY2sgSW50ZWdyaXR5IQ=='),
      contentEncoding: value,
      contentLanguage: value,
      cacheControl: value,
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(entries, headers, async (pairs, given) => {
      const made = Object.fromEntries(pairs);
      expect(await readMetadataFile([metadataXml(made)])).toEqual(made);
      expect(await readPropertiesFile([propertiesXml(given)])).toEqual(given);
    }),
  );
});

test('what could not be read back is not written', () => {
  expect(() => metadataXml({ 'a-b': 'c' })).toThrow(RangeError);
  expect(() => metadataXml({ a: '' })).toThrow(RangeError);
  expect(() => propertiesXml({ contentMd5: 'x' })).toThrow(RangeError);
});

test('whatever is on a disk, a side file is read or refused', async () => {
  const original = Buffer.from(await azureSample('tool/SampleProperties.xml'));
  const change = fc.record({
    at: fc.nat(original.length),
    remove: fc.nat(20),
    insert: fc.uint8Array({ maxLength: 6 }),
  });
  await fc.assert(
    fc.asyncProperty(change, async ({ at, remove, insert }) => {
      const bytes = Buffer.concat([
        original.subarray(0, at),
        insert,
        original.subarray(at + remove),
      ]);
      for (const read of [readMetadataFile, readPropertiesFile]) {
        await Promise.resolve(read([bytes])).catch((error: unknown) => {
          expect(isStationError(error, 'side-file-invalid')).toBe(true);
        });
      }
    }),
    { numRuns: 300 },
  );
});

import { expect, test } from 'vitest';
import { contentTypeOf } from '../../../../src/copy/files/content-type.ts';

test.each([
  ['photo.JPG', 'image/jpeg'],
  ['report.pdf', 'application/pdf'],
  ['archive.tar.gz', 'application/gzip'],
  ['Makefile', undefined],
  ['what.ever-this-is', undefined],
  ['', undefined],
])('%s is %s', (name, type) => {
  expect(contentTypeOf(name)).toBe(type);
});

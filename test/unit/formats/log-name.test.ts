import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LOG_KINDS, logBlobName, splitLogName } from '../../../src/formats/log-name.ts';

test('a log is named as the service names it, in UTC', () => {
  const at = new Date('2013-09-21T03:43:07.902Z');
  const name = logBlobName({ jobName: 'job_1', driveId: 'WD-WMATV123456', at, kind: 'error' });
  expect(name).toBe('waies/job_1_WD-WMATV123456_20130921-034307-902_error.xml');
});

test('published names are split from the right', () => {
  const name =
    'waimportexport/waies/am2_test_20140429_export_9WM35C3U_20140430-011226-456_verbose.xml';
  expect(splitLogName(name)).toEqual({
    jobName: 'am2_test_20140429_export',
    driveId: '9WM35C3U',
    at: new Date('2014-04-30T01:12:26.456Z'),
    kind: 'verbose',
  });
});

test('whatever a serial holds, its log’s name is safe and says it again', () => {
  const at = fc.date({
    min: new Date('2000-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  });
  const text = fc
    .oneof(
      fc.string({ unit: 'grapheme', minLength: 1 }),
      fc.string({ unit: fc.constantFrom('_', '-', '.', '~', '5F', '/', '20130921'), minLength: 1 }),
    )
    .filter((made) => made.isWellFormed());
  const name = fc.record({ jobName: text, driveId: text, at, kind: fc.constantFrom(...LOG_KINDS) });
  fc.assert(
    fc.property(name, (given) => {
      const made = logBlobName(given);
      expect(made).toMatch(/^waies\/[A-Za-z0-9._~-]+\.(?:xml|csv|map)$/u);
      expect(splitLogName(`deep/er/${made}`)).toEqual(given);
    }),
  );
});

test.each([
  '',
  'waies/job_1_20130921-034307-902_error.txt',
  'waies/WD_20130921-034307-902_error.xml',
  'waies/job_WD_20130231-034307-902_error.xml',
  'waies/job_WD_20130921-034307-902_other.xml',
  'waies/job_WD~FF_20130921-034307-902_error.xml',
  'waies/job_20140429_incomplete-blobs.xml',
])('%j is not the name of a log', (name) => {
  expect(splitLogName(name)).toBeUndefined();
});

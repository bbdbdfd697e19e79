import fc from 'fast-check';
import { expect, test } from 'vitest';
import { renamed } from '../../../src/domain/import-disposition.ts';

test.each([
  ['Seattle.jpg', 2, 'Seattle (2).jpg'],
  ['Seattle.jpg', 3, 'Seattle (3).jpg'],
  ['BlobNameWithoutDot', 2, 'BlobNameWithoutDot (2)'],
  ['a.tar.gz', 2, 'a.tar (2).gz'],
  ['v1.0/readme', 2, 'v1.0/readme (2)'],
  ['v1.0/read.me', 12, 'v1.0/read (12).me'],
  ['.profile', 2, ' (2).profile'],
  ['ends.', 2, 'ends (2).'],
  ['folder.d/', 2, 'folder.d/ (2)'],
])('%j becomes, for the %dth time, %j', (name, attempt, expected) => {
  expect(renamed(name, attempt)).toBe(expected);
});

test('no two names become one, no number gives the same name twice, and no folder changes', () => {
  const name = fc.string({ unit: fc.constantFrom('a', '.', '/', ' (2)'), minLength: 1 });
  const attempt = fc.integer({ min: 2, max: 50 });
  fc.assert(
    fc.property(name, name, attempt, attempt, (one, other, first, second) => {
      expect(renamed(one, first) === renamed(other, first)).toBe(one === other);
      expect(renamed(one, first) === renamed(one, second)).toBe(first === second);
      const folder = one.slice(0, one.lastIndexOf('/') + 1);
      expect(renamed(one, first).startsWith(folder)).toBe(true);
      expect(renamed(one, first).slice(folder.length)).not.toContain('/');
    }),
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { safeSegment } from '../../../src/domain/blob-name.ts';

test('what firmware calls itself becomes one safe segment of a name', () => {
  expect(safeSegment('WD-WMATV123456')).toBe('WD-WMATV123456');
  expect(safeSegment('AB/../é$')).toBe('AB~2F..~2F~C3~A9~24');
  expect(safeSegment('..')).toBe('~2E~2E');
});

test('two serials never share a name', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 12 });
  fc.assert(
    fc.property(text, text, (a, b) => {
      // A lone surrogate has no UTF-8 form: it becomes the replacement character.
      fc.pre(a.isWellFormed() && b.isWellFormed());
      expect(safeSegment(a) === safeSegment(b)).toBe(a === b);
      expect(safeSegment(a)).toMatch(/^[A-Za-z0-9._~-]*$/u);
    }),
  );
});

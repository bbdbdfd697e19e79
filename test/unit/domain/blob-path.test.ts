import fc from 'fast-check';
import { expect, test } from 'vitest';
import { blobPathText, parseBlobPath } from '../../../src/domain/blob-path.ts';

/** Which texts are no blob paths is in the table of `test/unit/formats/manifest-refusals.test.ts`. */

test.each([
  ['abc/a', 'abc', 'a'],
  ['$root/a.bmp', '$root', 'a.bmp'],
  ['a1-b2-c3/x/y//z', 'a1-b2-c3', 'x/y//z'],
  ['abc/a?b=c&sig=%20#d', 'abc', 'a?b=c&sig=%20#d'],
  ['abc/…', 'abc', '…'],
])('%s is %s and %s', (text, container, name) => {
  expect(parseBlobPath(text)).toEqual({ ok: true, path: { container, name } });
});

test('what is accepted says itself again, and no URL leads elsewhere', () => {
  const segment = fc.oneof(
    fc.constantFrom('.', '..', '...', '', '%2e%2e', 'a', '\\', '?', '#'),
    fc.string(),
  );
  const text = fc
    .tuple(fc.constantFrom('abc', '$root', 'AB', ''), fc.array(segment))
    .map(([first, rest]) => [first, ...rest].join('/'));
  fc.assert(
    fc.property(text, (given) => {
      const answer = parseBlobPath(given);
      if (!answer.ok) return;
      expect(blobPathText(answer.path)).toBe(given);
      const segments = answer.path.name.split('/').map(encodeURIComponent);
      const url = new URL(`https://x/abc/${segments.join('/')}`);
      expect(url.pathname).toBe(`/abc/${segments.join('/')}`);
    }),
  );
});

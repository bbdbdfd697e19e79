import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isStationError } from '../../../src/errors.ts';
import { fileStatusOf } from '../../../src/volumes/copy-status.ts';
import { foldCase, parseVolumePath } from '../../../src/volumes/windows-path.ts';

function statusOf(path: string): string | undefined {
  try {
    parseVolumePath(path);
    return undefined;
  } catch (error) {
    return fileStatusOf(error);
  }
}

describe('a path of a manifest', () => {
  it.each([
    ['\\session\\photos\\a.jpg', ['session', 'photos', 'a.jpg']],
    ['session/photos/a.jpg', ['session', 'photos', 'a.jpg']],
    ['\\DriveManifest.xml', ['DriveManifest.xml']],
    ['\\Grüße\\日本\\😀 x.txt', ['Grüße', '日本', '😀 x.txt']],
    ['\\COM\\CONSOLE\\nullable\\COM10', ['COM', 'CONSOLE', 'nullable', 'COM10']],
    ['\\.config\\..a', ['.config', '..a']],
  ])('%s names a file', (path, names) => {
    expect(parseVolumePath(path)).toEqual(names);
  });

  it.each([
    ['', 'empty'],
    ['\\', 'empty name'],
    ['\\a\\\\b', 'empty name'],
    ['\\a\\', 'empty name'],
    ['\\a\\..\\b', 'no name'],
    ['.', 'no name'],
    ['C:\\a', 'drive letter'],
    ['\\\\server\\share\\a', 'server'],
    ['\\\\?\\C:\\a', 'server'],
    ['\\a.txt:stream', 'alternate stream'],
    ['\\a.txt::$DATA', 'alternate stream'],
    ['\\a<b', 'forbids'],
    ['\\a\u0000b', 'forbids'],
    ['\\a\u001fb', 'forbids'],
    ['\\what?', 'forbids'],
    ['\\a.', 'dot or a blank'],
    ['\\a \\b', 'dot or a blank'],
    ['\\CON', 'device'],
    ['\\a\\nul.txt', 'device'],
    ['\\com1 .tar.gz', 'device'],
    ['\\LPT²', 'device'],
    ['\\half\ud800', 'Unicode'],
  ])('%j is refused, because of: %s', (path, problem) => {
    expect(() => parseVolumePath(path)).toThrow(problem);
    expect(statusOf(path)).toBe('FileNameInvalid');
  });

  it('may be as long as Windows allows, and each name in it', () => {
    const long = Array.from({ length: 128 }, () => 'x'.repeat(254)).join('\\');
    expect(parseVolumePath(long)).toHaveLength(128);
    expect(statusOf(`${long}\\${'x'.repeat(254)}`)).toBe('FileNameTooLong');
    expect(statusOf(`\\${'ü'.repeat(255)}`)).toBeUndefined();
    expect(statusOf(`\\${'ü'.repeat(256)}`)).toBe('FileNameTooLong');
  });

  it('is either a list of safe names or refused with a reason, whatever it is', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.stringMatching(/^[\\/.:a ~CON-]{0,12}$/u),
    );
    fc.assert(
      fc.property(text, (path) => {
        try {
          for (const name of parseVolumePath(path)) {
            expect(name).not.toMatch(/^\.{0,2}$|[\\/:\0]/u);
          }
        } catch (error) {
          expect(isStationError(error, 'file-name-invalid', 'file-name-too-long')).toBe(true);
        }
      }),
    );
  });
});

describe('names that differ in case', () => {
  it('are the same for each letter by itself', () => {
    expect(foldCase('Straße Été.TXT')).toBe(foldCase('STRAßE ÉTÉ.txt'));
    expect(foldCase('ß')).not.toBe(foldCase('SS'));
    expect(foldCase('İı')).not.toBe(foldCase('ii'));
    expect(foldCase('ſ')).not.toBe(foldCase('s'));
    expect(foldCase('𐐨')).toBe('𐐨');
  });

  it('are different when composed differently, as on NTFS', () => {
    expect(foldCase('é'.normalize('NFC'))).not.toBe(foldCase('é'.normalize('NFD')));
  });

  it('keep their length, and folding twice changes nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const folded = foldCase(name);
        expect(folded).toHaveLength(name.length);
        expect(foldCase(folded)).toBe(folded);
      }),
    );
  });
});

import type { Brand } from './brand.ts';

/** A blob's name inside its container: 1-1,024 characters, made only here and in schemas. */
export type BlobName = Brand<string, 'BlobName'>;

/**
 * A serial or label as one safe segment of a blob name. Letters, digits, `.`, `_` and `-` stay; every
 * other byte becomes `~` and two hex digits, so that two different inputs never share a name and
 * nothing from a disk's firmware reaches a path as it is.
 */
export function safeSegment(text: string): string {
  const bytes = new TextEncoder().encode(text);
  let out = '';
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    out += /[A-Za-z0-9._-]/u.test(character)
      ? character
      : `~${byte.toString(16).padStart(2, '0').toUpperCase()}`;
  }
  return /^\.+$/u.test(out) ? out.replaceAll('.', '~2E') : out;
}

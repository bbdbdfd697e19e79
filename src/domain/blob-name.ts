import type { Brand } from './brand.ts';

/** A blob's name inside its container: 1-1,024 characters, made only here and in schemas. */
export type BlobName = Brand<string, 'BlobName'>;

/** "Naming and Referencing Containers, Blobs, and Metadata" (Microsoft Learn). */
export const BLOB_NAME_MAX_LENGTH = 1024;

/**
 * What keeps a text from being the name of a blob, in words that can follow “a name that”; `undefined`
 * when nothing does. Refused is what would not arrive as it is: `.` and `..` as segments are resolved by
 * every URL parser on the way and could leave the container; control characters and lone surrogates have
 * no stable encoding.
 */
export function blobNameProblem(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (name.length > BLOB_NAME_MAX_LENGTH)
    return `is longer than ${BLOB_NAME_MAX_LENGTH} characters`;
  if (!name.isWellFormed()) return 'is not well-formed Unicode';
  if (/\p{Cc}/u.test(name)) return 'contains a control character';
  if (name.startsWith('/')) return 'starts with a slash';
  if (name.split('/').some((segment) => /^\.+$/u.test(segment))) return 'has a segment of dots';
  return undefined;
}

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

import { scrub } from '../scrub.ts';

const MAX_DETAIL_LENGTH = 300;

/** One line without anything that opens a door: no query strings, keys, signatures or tokens. */
export function redact(text: string): string {
  const line = (text.split('\n')[0] ?? '').replace(/\?[\w.~%-]+=[^\s'"<>]*/gu, '');
  // Scrubbed before it is cut: the half of a secret has no shape.
  return scrub(line).slice(0, MAX_DETAIL_LENGTH).trim();
}

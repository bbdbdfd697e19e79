/**
 * What a blob carries besides its bytes. All of it travels as HTTP headers, so the rules are theirs and
 * the blob service's ("Naming and Referencing Containers, Blobs, and Metadata", Microsoft Learn).
 */

/** Names that are identifiers and differ in more than case, with their values. */
export type BlobMetadata = Readonly<Record<string, string>>;

export interface BlobHeaders {
  readonly contentType?: string;
  /** Base64 of 16 bytes; the blob service takes it on trust. */
  readonly contentMd5?: string;
  readonly contentEncoding?: string;
  readonly contentLanguage?: string;
  readonly cacheControl?: string;
}

/** Names and values together, as the service counts them. */
const MAX_METADATA_BYTES = 8192;

/** Printable ASCII that neither is empty nor loses a blank at its ends on the way. */
export function isHeaderValue(text: string): boolean {
  return /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/u.test(text);
}

/**
 * The first entry that the service would refuse or change, and why; `undefined` when all are fine. An
 * entry is also wrong when it is the one with which they become too many.
 */
export function metadataProblem(
  entries: Iterable<readonly [string, string]>,
): { readonly index: number; readonly problem: string } | undefined {
  const seen = new Set<string>();
  let bytes = 0;
  for (const [name, value] of entries) {
    const index = seen.size;
    bytes += name.length + value.length;
    const problem = seen.has(name.toLowerCase())
      ? 'appears twice'
      : entryProblem(name, value, bytes);
    if (problem !== undefined) {
      return { index, problem: `metadata ${JSON.stringify(name.slice(0, 60))} ${problem}` };
    }
    seen.add(name.toLowerCase());
  }
  return undefined;
}

function entryProblem(name: string, value: string, bytes: number): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/u.test(name)) return 'has a name that is no identifier';
  if (!isHeaderValue(value)) return 'has a value that is empty or not printable ASCII';
  return bytes > MAX_METADATA_BYTES ? `goes beyond ${MAX_METADATA_BYTES} bytes in all` : undefined;
}

/** Base64 of exactly an MD5. */
export function isContentMd5(text: string): boolean {
  return /^[A-Za-z0-9+/]{22}==$/u.test(text);
}

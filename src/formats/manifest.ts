import type { ManifestBlob, SideFiles } from '../domain/manifest.ts';
import { type ManifestFault, StationError } from '../errors.ts';
import type { Many } from './drive-log.ts';
import type { XmlItem } from './xml-reader.ts';

/**
 * The drive manifest of the Azure Import/Export service as a document ("Import/Export service manifest
 * file format", Microsoft Learn). What it says of a blob, and the rules of that, are in
 * `src/domain/manifest.ts`.
 */

/** What stands in front of the first blob list. */
export interface ManifestHead {
  readonly version: string;
  /** The drive's serial number, as the tool that prepared the drive read it. */
  readonly driveId: string;
  /** There is an account key or a SAS in the file. It is never kept: the file itself is a secret. */
  readonly hasCredential: boolean;
  /** Which program wrote it; not interpreted. */
  readonly clientCreator?: string;
}

/** A blob list, with the side files for those of its blobs that have none of their own. */
export interface ManifestList extends SideFiles {
  readonly id?: string;
}

/** A manifest as it comes: the head first, then each list in front of its blobs. */
export type ManifestItem =
  | ({ readonly kind: 'head' } & ManifestHead)
  | ({ readonly kind: 'list' } & ManifestList)
  | ({ readonly kind: 'blob' } & ManifestBlob);

/** A manifest to be written. */
export interface Manifest extends Omit<ManifestHead, 'hasCredential'> {
  /** Written as it is; only what prepares a drive for a test has one. */
  readonly credential?: { readonly kind: 'account-key' | 'container-sas'; readonly secret: string };
  readonly lists: Many<ManifestList & { readonly blobs: Many<ManifestBlob> }>;
}

/** Where in the file something is. */
export type Place = Pick<XmlItem, 'line' | 'column'>;

export interface ManifestProblem {
  readonly fault: ManifestFault;
  readonly problem: string;
  /** The `BlobPath` of the blob that it is about. */
  readonly blob?: string;
}

export function manifestInvalid(
  { line, column }: Place,
  { fault, problem, blob }: ManifestProblem,
): StationError<'manifest-invalid'> {
  const about = blob === undefined ? '' : `blob ${blob}: `;
  const words = `line ${line}, column ${column}: ${about}${problem}`;
  const named = blob === undefined ? {} : { blob };
  return new StationError('manifest-invalid', words, { fault, line, column, ...named, problem });
}

const SHOWN_LENGTH = 100;

/** Text of a manifest in a message: short, on one line, and without the signature of a SAS. */
export function shown(text: string): string {
  return JSON.stringify(text.replace(/\bsig=[^&\s]*/giu, 'sig=…').slice(0, SHOWN_LENGTH));
}

/**
 * What becomes of a blob whose name is taken ("Import/Export service manifest file format", Microsoft
 * Learn). The words are those of the manifest and of the copy log, and case-sensitive.
 */
export const DISPOSITIONS = ['rename', 'overwrite', 'no-overwrite'] as const;
export type Disposition = (typeof DISPOSITIONS)[number];

/** A manifest that does not say asks for this one. */
export const DEFAULT_DISPOSITION: Disposition = 'rename';

/** How it went, in the copy log. `Cancelled`: an earlier failure left nothing to decide. */
export const DISPOSITION_STATUSES = [
  'Created',
  'Renamed',
  'Skipped',
  'Overwritten',
  'Cancelled',
] as const;
export type DispositionStatus = (typeof DISPOSITION_STATUSES)[number];

/**
 * The `attempt`-th name (2, 3 …) of a blob whose own name is taken: ` (2)` before the last dot, or at
 * the end when there is no dot. A dot counts only behind the last slash: the published rule speaks of
 * the blob's name and leaves virtual directories open, and `v1.0/readme` must not become
 * `v1 (2).0/readme`, a file in another directory. The result may be longer than a name may be.
 */
export function renamed(name: string, attempt: number): string {
  const dot = name.lastIndexOf('.');
  const at = dot > name.lastIndexOf('/') ? dot : name.length;
  return `${name.slice(0, at)} (${attempt})${name.slice(at)}`;
}

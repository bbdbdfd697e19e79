import type { BlobName } from './blob-name.ts';
import type { Brand } from './brand.ts';

/** A container's name by Azure's rules, or `$root`; made only here. */
export type ContainerName = Brand<string, 'ContainerName'>;

/** The container whose blobs have no container in their URL. */
export const ROOT_CONTAINER = '$root';

/** Where a blob goes, as manifests, copy logs and blob lists write it: `container/name`. */
export interface BlobPath {
  readonly container: ContainerName;
  readonly name: BlobName;
}

export type BlobPathAnswer =
  | { readonly ok: true; readonly path: BlobPath }
  | { readonly ok: false; readonly problem: string };

const MAX_NAME_LENGTH = 1024;

/**
 * Splits `container/name` and checks both by Azure's rules ("Naming and Referencing Containers, Blobs,
 * and Metadata", Microsoft Learn). The text is taken as it is: nothing in the published samples is
 * URL-escaped, and names that the service made hold raw blanks. A blob of `$root` has no slash in its
 * name. Names that a URL would turn into another one are refused: `.` and `..` as segments could leave
 * the container.
 */
export function parseBlobPath(text: string): BlobPathAnswer {
  const slash = text.indexOf('/');
  if (slash < 0) return { ok: false, problem: 'has no slash between container and name' };
  const [container, name] = [text.slice(0, slash), text.slice(slash + 1)];
  const problem = containerProblem(container) ?? nameProblem(name, container);
  if (problem !== undefined) return { ok: false, problem };
  return { ok: true, path: { container: container as ContainerName, name: name as BlobName } };
}

/** The text that `parseBlobPath` was given. */
export function blobPathText(path: BlobPath): string {
  return `${path.container}/${path.name}`;
}

function containerProblem(container: string): string | undefined {
  if (container === ROOT_CONTAINER) return undefined;
  if (container === '') return 'begins with a slash';
  if (container.length < 3 || container.length > 63)
    return 'has a container of not 3-63 characters';
  if (/^[a-z0-9]+(?:-[a-z0-9]+)*$/u.test(container)) return undefined;
  return 'has a container of other than lower-case letters, digits and single hyphens between them';
}

function nameProblem(name: string, container: string): string | undefined {
  if (name === '') return 'has no name behind the container';
  if (name.length > MAX_NAME_LENGTH) return `has a name longer than ${MAX_NAME_LENGTH} characters`;
  if (!name.isWellFormed()) return 'is not well-formed Unicode';
  if (/\p{Cc}/u.test(name)) return 'has a control character in it';
  if (name.startsWith('/')) return 'has an empty segment behind the container';
  if (name.split('/').some((segment) => /^\.+$/u.test(segment))) return 'has a segment of dots';
  if (container === ROOT_CONTAINER && name.includes('/')) return 'has a folder in $root';
  return undefined;
}

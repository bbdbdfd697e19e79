import { type BlobName, blobNameProblem } from './blob-name.ts';
import {
  CONTAINER_NAME_LENGTH,
  type ContainerName,
  hasContainerLength,
  isContainerName,
  isFolderInRoot,
  ROOT_CONTAINER,
} from './container-name.ts';

/** Where a blob goes, as manifests, copy logs and blob lists write it: `container/name`. */
export interface BlobPath {
  readonly container: ContainerName;
  readonly name: BlobName;
}

export type BlobPathAnswer =
  | { readonly ok: true; readonly path: BlobPath }
  | { readonly ok: false; readonly problem: string };

/**
 * Splits `container/name` and checks both by Azure's rules. The text is taken as it is: nothing in the
 * published samples is URL-escaped, and names that the service made hold raw blanks. A backslash is the
 * store's to refuse: it concerns one blob, and what is no path the whole manifest.
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
  if (container === ROOT_CONTAINER || isContainerName(container)) return undefined;
  if (container === '') return 'begins with a slash';
  const { min, max } = CONTAINER_NAME_LENGTH;
  if (!hasContainerLength(container)) return `has a container of not ${min}-${max} characters`;
  return 'has a container of other than lower-case letters, digits and single hyphens between them';
}

function nameProblem(name: string, container: string): string | undefined {
  const problem = blobNameProblem(name);
  if (problem !== undefined) return `has a name behind the container that ${problem}`;
  return isFolderInRoot(container, name) ? 'has a folder in $root' : undefined;
}

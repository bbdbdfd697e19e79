import type { Brand } from './brand.ts';

/** "Naming and Referencing Containers, Blobs, and Metadata" (Microsoft Learn), as far as it is of containers. */

/** A container's name by Azure's rules, or `$root`; made only in `parseBlobPath`. */
export type ContainerName = Brand<string, 'ContainerName'>;

/** The container whose blobs have no container in their URL, and no slash in their names. */
export const ROOT_CONTAINER = '$root';

export const CONTAINER_NAME_LENGTH = { min: 3, max: 63 } as const;
/** Lower-case letters, digits and single hyphens between them. */
export const CONTAINER_NAME_LETTERS = /^[a-z0-9]+(?:-[a-z0-9]+)*$/u;

export function hasContainerLength({ length }: string): boolean {
  return length >= CONTAINER_NAME_LENGTH.min && length <= CONTAINER_NAME_LENGTH.max;
}

/** Whether a container can be called so; those that begin with a `$` are the service's to name. */
export function isContainerName(text: string): boolean {
  return hasContainerLength(text) && CONTAINER_NAME_LETTERS.test(text);
}

/** Whether a blob cannot be there under this name alone because it would be in a folder of `$root`. */
export function isFolderInRoot(container: string, blob: string): boolean {
  return container === ROOT_CONTAINER && blob.includes('/');
}

import type { FilesAssignment } from '../messages.ts';
import type { FilesParts } from './copy-files.ts';
import type { DriveFiles } from './drive.ts';
import { ManifestSource } from './manifest-source.ts';
import type { Patience } from './patience.ts';
import { driveRefused } from './refusal.ts';
import type { FileSource } from './source.ts';
import { TreeSource } from './tree-source.ts';

export interface SourceParts extends Pick<FilesParts, 'contentTypeOf'> {
  readonly files: DriveFiles;
  readonly patience: Patience;
}

/** Where the files of a drive come from, by its job's plan. Throws `drive-refused`. */
export function sourceOf(
  { plan, prepared = {}, driveId }: FilesAssignment,
  { files, patience, contentTypeOf }: SourceParts,
): FileSource {
  if (plan.kind === 'tree') return new TreeSource({ ...plan, contentTypeOf }, files);
  const { manifestFile, manifestHash } = prepared;
  if (manifestFile === undefined || manifestHash === undefined) {
    const words = 'the job does not say where the drive’s manifest is, and what its hash is';
    throw driveRefused('ManifestNotFound', words);
  }
  return new ManifestSource({ manifestFile, manifestHash, driveId }, files, patience);
}

/** A manifest has a hash for each range. */
export function isPromised({ plan }: Pick<FilesAssignment, 'plan'>): boolean {
  return plan.kind === 'manifest';
}

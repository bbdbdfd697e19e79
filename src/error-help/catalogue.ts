import type { ErrorCode } from '../errors.ts';
import type { ErrorHelp } from './contract.ts';
import { DISK_HELP, DRIVE_FILE_HELP, VOLUME_HELP } from './drives.ts';
import { INPUT_HELP } from './input.ts';
import { COPY_HELP, REHEARSAL_HELP } from './station.ts';
import { STORAGE_HELP } from './storage.ts';

/**
 * What each error means and what a person does about it: the next step that the console shows beside
 * a faulted drive, and the text of `docs/ERRORS.md`, which is generated from here. A code without an
 * entry does not compile.
 */

/** The catalogue as its page shows it, in sections. */
export const ERROR_SECTIONS = [
  { title: 'What was typed or sent in', help: INPUT_HELP },
  { title: 'The files of a prepared drive', help: DRIVE_FILE_HELP },
  { title: 'Disks', help: DISK_HELP },
  { title: 'Volumes and files on a drive', help: VOLUME_HELP },
  { title: 'The blob store', help: STORAGE_HELP },
  { title: 'The copy and what the station keeps', help: COPY_HELP },
  { title: 'Rehearsals', help: REHEARSAL_HELP },
] as const;

const ERROR_HELP: { readonly [Code in ErrorCode]: ErrorHelp } = {
  ...INPUT_HELP,
  ...DRIVE_FILE_HELP,
  ...DISK_HELP,
  ...VOLUME_HELP,
  ...STORAGE_HELP,
  ...COPY_HELP,
  ...REHEARSAL_HELP,
};

const BY_NAME: ReadonlyMap<string, ErrorHelp> = new Map(Object.entries(ERROR_HELP));

/** What a person does about an error; a code that nobody knows is a defect like any other. */
export function nextStepFor(code: string): string {
  return (BY_NAME.get(code) ?? ERROR_HELP['internal-error']).nextStep;
}

export function helpFor(code: ErrorCode): ErrorHelp {
  return ERROR_HELP[code];
}

import type { Rehearsal } from './contract.ts';
import { ATTACHMENT } from './faults/attachment.ts';
import { DOCK } from './faults/dock.ts';
import { HUNG } from './faults/hung.ts';
import { IDENTITY } from './faults/identity.ts';
import { MEDIA } from './faults/media.ts';
import { STATION } from './faults/station.ts';
import { STORAGE } from './faults/storage.ts';

/** Every fault that can be rehearsed, in the order of the groups. */
export const CATALOGUE: readonly Rehearsal[] = [
  // One line a file, so that each part of the station adds its own.
  ...MEDIA,
  ...HUNG,
  ...ATTACHMENT,
  ...DOCK,
  ...IDENTITY,
  ...STORAGE,
  ...STATION,
];

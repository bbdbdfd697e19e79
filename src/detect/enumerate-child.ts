/**
 * Runs in a process of its own: asks `drivelist` and `systeminformation` which disks there are and
 * prints their answers as JSON. Both run `lsblk`, which can hang on a sick disk.
 */
import { list } from 'drivelist';
import systeminformation from 'systeminformation';
import { messageOf } from '../errors.ts';
import { dropPrivileges } from './unprivileged.ts';

dropPrivileges();
const [drives, blockDevices] = await Promise.allSettled([list(), systeminformation.blockDevices()]);
const failures = [drives, blockDevices].flatMap((answer) =>
  answer.status === 'rejected' ? [messageOf(answer.reason)] : [],
);
const answer = {
  drives: drives.status === 'fulfilled' ? drives.value : [],
  blockDevices: blockDevices.status === 'fulfilled' ? blockDevices.value : [],
  failures,
};
process.stdout.write(JSON.stringify(answer));

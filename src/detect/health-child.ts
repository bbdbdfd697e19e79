/**
 * Runs in a process of its own: asks `systeminformation` for the layout of the disks, which runs
 * `lsblk` and `smartctl`, and prints what it says of each disk's health.
 */
import systeminformation from 'systeminformation';

const layout = await systeminformation.diskLayout();
const answer = layout.map(({ device, smartStatus, temperature }) => ({
  device,
  smartStatus,
  temperature,
}));
process.stdout.write(JSON.stringify(answer));

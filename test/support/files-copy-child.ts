import { FileDrive } from './file-drive.ts';

/**
 * A copy of files in a process of its own, to be killed: takes where the drive is, says what happens,
 * and ends with a line of JSON, the verdict.
 */

const [directory = '', connectionString = '', manifestHash = ''] = process.argv.slice(2);
const drive = FileDrive.at(directory);
drive.storage = { kind: 'connection-string', connectionString };
drive.manifestHash = manifestHash;
drive.onMessage = ({ kind }) => {
  if (kind === 'reconciled') process.stdout.write('under way\n');
};
const { verdict } = await drive.copy();
process.stdout.write(`${JSON.stringify(verdict)}\n`);

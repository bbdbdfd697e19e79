import { inspect } from 'node:util';
import { openPatiently } from '../../src/copy/storage.ts';
import { StoreWord } from '../../src/copy/store-word.ts';
import { FILES_PACE } from '../../src/limits.ts';
import { FileDrive } from './file-drive.ts';

/**
 * A copy of files in a process of its own, to be killed: takes where the drive is, says what happens,
 * and ends with a line of JSON: the verdict, or what was thrown.
 */

const [directory = '', connectionString = '', manifestHash = ''] = process.argv.slice(2);
const drive = FileDrive.at(directory);
drive.storage = { kind: 'connection-string', connectionString };
drive.manifestHash = manifestHash;
// A store may close an idle connection at the moment of a request.
const patience = { word: new StoreWord(() => undefined), pace: FILES_PACE };
drive.open = (name) => openPatiently(drive, name, patience);
drive.onMessage = ({ kind }) => {
  if (kind === 'reconciled') process.stdout.write('under way\n');
};
const last = await drive.copy().then(
  ({ verdict }) => verdict,
  (thrown: unknown) => ({ thrown: inspect(thrown) }),
);
process.stdout.write(`${JSON.stringify(last)}\n`);

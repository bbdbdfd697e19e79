import { FileDrive } from '../file-drive.ts';
import { copyInto } from './files-bench.ts';

/** One copy of a drive of files in a process of its own, whose temporary files carry a dead name then. */

const [directory = '', manifestHash = '', root = ''] = process.argv.slice(2);
const drive = FileDrive.at(directory);
drive.manifestHash = manifestHash;
await copyInto(drive, root);

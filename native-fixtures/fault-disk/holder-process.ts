import { z } from 'zod';
import { faultDisk } from '../fault-disk.ts';

/** Holds a fault disk with a hang until it is killed; stands for a test that crashes. */

const [imagePath] = z.tuple([z.string()]).parse(process.argv.slice(2));
const { disk } = await faultDisk(imagePath, {
  faults: [{ kind: 'hang', offsetBytes: 4 * 1024 * 1024, lengthBytes: 4096, maxSeconds: 60 }],
});
process.stdout.write(`${JSON.stringify({ device: disk.device, diskseq: disk.diskseq })}\n`);
setInterval(() => undefined, 1000);

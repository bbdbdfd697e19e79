import { parseVolumeKey } from '../../src/volumes/bitlocker-key.ts';
import { openVolume } from '../../src/volumes/open-volume.ts';
import { fileDisk } from './volume-source.ts';

/** A process that opens a volume, says so, and holds it until it is killed. */

process.on('message', async (order: { image: string; key: string; workDirectory: string }) => {
  const source = await fileDisk(order.image);
  const keys = order.key === '' ? [] : parseVolumeKey(order.key);
  const { workDirectory } = order;
  const { signal } = new AbortController();
  const volume = await openVolume(
    { source, keys, accept: 'any-filesystem', workDirectory },
    signal,
  );
  process.send?.({ filesystem: volume.filesystem });
});
process.on('disconnect', () => process.exit(1));
setInterval(() => undefined, 60_000);

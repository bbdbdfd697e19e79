import { expect, test } from 'vitest';
import { contentAt } from '../../../native-fixtures/image.ts';
import { badPlace } from '../../../src/copy/disk-errors.ts';
import { GoodPlaces } from '../../../src/copy/good-places.ts';
import { LANDMARK_BYTES } from '../../../src/copy/landmarks.ts';

/** What a disk that is known to have bad places is believed, while nothing is known to compare with. */

const BLOCK = 8 * LANDMARK_BYTES;
const devicePath = '/dev/x';
const contentOf = (offsetBytes: number, lengthBytes: number) =>
  Buffer.from(contentAt('good places', offsetBytes, lengthBytes));

/** Of a disk whose reads give what `again` makes of them. */
function goodPlacesOf(
  again: (bytes: Buffer, offsetBytes: number) => void,
  { elsewhere = true }: { readonly elsewhere?: boolean } = {},
): GoodPlaces {
  const readInto = async (bytes: Buffer, offsetBytes: number) => {
    contentOf(offsetBytes, bytes.length).copy(bytes);
    again(bytes, offsetBytes);
  };
  return new GoodPlaces({
    ...{ reads: { devicePath, readInto }, random: () => 0.5, onChecked: async () => undefined },
    readsSomewhere: async () => elsewhere,
  });
}

/** A sick disk of which one block was read; then its reads give what `again` makes of them. */
function afterOneBlock(again: (bytes: Buffer, offsetBytes: number) => void) {
  const goodPlaces = goodPlacesOf(again);
  goodPlaces.suspect();
  goodPlaces.remember(0, contentOf(0, BLOCK));
  return { goodPlaces, block: goodPlaces.read('disk.img', 0) };
}

function unreadable(offsetBytes: number): never {
  const why = { errno: 'EIO', lengthBytes: LANDMARK_BYTES, cause: undefined };
  throw badPlace(devicePath, offsetBytes, why);
}

test('its first block is sure when it reads the same again', async () => {
  const { goodPlaces, block } = afterOneBlock(() => undefined);
  await goodPlaces.check();
  await block.sure;
  expect(block.noted).toEqual({});
});

test('its first block is rubbish when it reads differently, and what was read is taken back', async () => {
  const { goodPlaces, block } = afterOneBlock((bytes) => bytes.fill(7));
  await expect(goodPlaces.check()).rejects.toMatchObject({
    code: 'disk-content-changed',
    message: expect.stringContaining('reads differently at byte 0 than before'),
  });
  await expect(block.sure).rejects.toMatchObject({ code: 'disk-content-changed' });
  expect(goodPlaces.doubted).toEqual([{ kind: 'doubted', blob: 'disk.img', index: 0 }]);
});

test('a place of its first block that has become unreadable is never compared again', async () => {
  let tries = 0;
  const { goodPlaces } = afterOneBlock((_, offsetBytes) => {
    if (offsetBytes === 0 && ++tries > 0) unreadable(offsetBytes);
  });
  await goodPlaces.check();
  await goodPlaces.check();
  expect(tries).toBe(1);
});

test('it has stopped to read when nothing of its first block does any more', async () => {
  const { goodPlaces } = afterOneBlock((_, offsetBytes) => unreadable(offsetBytes));
  await expect(goodPlaces.check()).rejects.toMatchObject({ code: 'disk-read-failed' });
});

test.each([
  ['goes on when something else of it reads', true, 'passes'],
  ['has stopped to read when nothing else does', false, 'disk-read-failed'],
])(
  'a disk that has lost all that it was known by, and of which nothing waits, %s',
  async (_, elsewhere, end) => {
    const goodPlaces = goodPlacesOf((_, offsetBytes) => unreadable(offsetBytes), { elsewhere });
    goodPlaces.remember(0, contentOf(0, BLOCK));
    goodPlaces.doubt();
    const cleared = goodPlaces.clearDoubt().then(
      () => 'passes',
      ({ code }) => code,
    );
    expect(await cleared).toBe(end);
  },
);

test.each([
  ['is sure when it reads the same again', () => undefined, 'passes'],
  ['is rubbish when it does not', (bytes: Buffer) => bytes.fill(7), 'disk-content-changed'],
])('what was read since a disk lost all that it was known by %s', async (_, again, end) => {
  const goodPlaces = goodPlacesOf((bytes, offsetBytes) => {
    if (offsetBytes < BLOCK) unreadable(offsetBytes);
    again(bytes);
  });
  goodPlaces.remember(0, contentOf(0, BLOCK));
  goodPlaces.suspect();
  goodPlaces.remember(BLOCK, contentOf(BLOCK, BLOCK));
  const block = goodPlaces.read('disk.img', 1);
  await goodPlaces.check().catch(() => undefined);
  const sure = block.sure.then(
    () => 'passes',
    ({ code }) => code,
  );
  expect(await sure).toBe(end);
});

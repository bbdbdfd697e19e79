import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AREA_STATUSES, RescueMap } from '../../../src/domain/rescue/map.ts';
import { parseRescueMap, rescueMapText } from '../../../src/formats/rescue-map.ts';

const run = promisify(execFile);
const hasDdrescue = await run('ddrescuelog', ['--version']).then(
  () => true,
  () => false,
);
if (!hasDdrescue) process.stderr.write('SKIPPED: no ddrescuelog here to read our maps\n');

/** The example of the manual of GNU ddrescue. */
const PUBLISHED = `# Mapfile. Created by GNU ddrescue version 1.27
# Command line: ddrescue -d -c18 /dev/fd0 fdimage mapfile
# current_pos  current_status  current_pass
0x00120000     ?               1
#      pos        size  status
0x00000000  0x00117000  +
0x00117000  0x00000200  -
0x00117200  0x00001000  /
0x00118200  0x00007E00  *
0x00120000  0x00048000  ?
`;

const textOf = (file: Parameters<typeof rescueMapText>[0]) => [...rescueMapText(file)].join('');

const file = fc
  .record({
    marks: fc.array(
      fc.record({
        offsetBytes: fc.nat({ max: 2 ** 46 }),
        lengthBytes: fc.integer({ min: 1, max: 2 ** 40 }),
        status: fc.constantFrom(...AREA_STATUSES),
      }),
    ),
    hung: fc.array(
      fc.record({
        offsetBytes: fc.nat({ max: 2 ** 46 }),
        lengthBytes: fc.integer({ min: 1, max: 2 ** 40 }),
        isLeftOut: fc.boolean(),
      }),
      { minLength: 1 },
    ),
    standing: fc.record({
      status: fc.constantFrom(...AREA_STATUSES),
      pass: fc.integer({ min: 1, max: 5 }),
      positionBytes: fc.nat({ max: 2 ** 46 }),
      spentMs: fc.nat(),
    }),
  })
  .map(({ marks, standing, hung }) => {
    const map = new RescueMap(2 ** 47);
    for (const { status, ...extent } of marks) map.mark(extent, status);
    return { map, standing, hung };
  });

test('the published map is understood', () => {
  const { map, standing } = parseRescueMap(PUBLISHED);
  expect(standing).toEqual({
    ...{ status: 'non-tried', pass: 1 },
    ...{ positionBytes: 0x120000, spentMs: 0 },
  });
  expect(map.sizeBytes).toBe(0x168000);
  expect([...map.areas()].map((area) => area.status)).toEqual([
    ...['finished', 'bad', 'non-scraped', 'non-trimmed', 'non-tried'],
  ]);
});

test('what is written is read back', () => {
  fc.assert(
    fc.property(file, ({ map, standing, hung }) => {
      const read = parseRescueMap(textOf({ map, standing, hung }));
      expect([...read.map.areas()]).toEqual([...map.areas()]);
      expect(read.standing).toEqual(standing);
      expect(read.hung).toEqual(hung);
    }),
  );
});

test.each([
  ['nothing', ''],
  ['no areas', '0x0 ? 1\n'],
  ['areas with a gap', '0x0 ? 1\n0x0 0x10 +\n0x20 0x10 +\n'],
  ['areas that do not begin at 0', '0x0 ? 1\n0x10 0x10 +\n'],
  ['an empty area', '0x0 ? 1\n0x0 0x0 +\n'],
  ['a sign of no area', '0x0 ? 1\n0x0 0x10 F\n'],
  ['a mode that tries nothing', '0x0 F 1\n0x0 0x10 +\n'],
  ['a number too large', '0x0 ? 1\n0x0 0xFFFFFFFFFFFFFFFF +\n'],
])('%s is no map', (_, text) => {
  expect(() => parseRescueMap(text)).toThrow(
    expect.objectContaining({ code: 'rescue-map-invalid' }),
  );
});

test('any text is a map or is refused, and nothing else happens', () => {
  const words = fc.constantFrom('0x0', '0x10', '16', '?', '+', '-', '/', '*', '\n', ' ', '#', '1');
  fc.assert(
    fc.property(fc.array(words, { maxLength: 40 }), (parts) => {
      try {
        parseRescueMap(parts.join(' '));
      } catch (error) {
        expect(error).toMatchObject({ code: 'rescue-map-invalid' });
      }
    }),
  );
});

test.skipIf(!hasDdrescue)('ddrescue reads our map, and we read what it writes', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'drive-station-map-'));
  try {
    const map = new RescueMap(64 * 1024 * 1024, 'finished');
    map.mark({ offsetBytes: 512, lengthBytes: 512 }, 'bad');
    map.mark({ offsetBytes: 8192, lengthBytes: 65_536 }, 'non-scraped');
    map.mark({ offsetBytes: 1024 * 1024, lengthBytes: 4096 }, 'non-tried');
    const standing = { status: 'bad', pass: 2, positionBytes: 512, spentMs: 1234 } as const;
    const ours = join(directory, 'ours.map');
    const hung = [{ offsetBytes: 512, lengthBytes: 512, isLeftOut: true }];
    await writeFile(ours, textOf({ map, standing, hung }));
    const { stdout } = await run('ddrescuelog', ['--show-status', ours]);
    expect(stdout).toMatch(/bad-sector: +512 B/u);
    expect(stdout).toMatch(/non-tried: +4096 B/u);
    expect(stdout).toMatch(/current status: retrying/u);
    const inverted = await run('ddrescuelog', ['--change-types=-,+', ours]);
    const theirs = parseRescueMap(inverted.stdout);
    expect(theirs.map.at(512)).toMatchObject({ status: 'finished' });
    expect(theirs.map.at(8192)).toMatchObject({ status: 'non-scraped', lengthBytes: 65_536 });
  } finally {
    await rm(directory, { recursive: true });
  }
});

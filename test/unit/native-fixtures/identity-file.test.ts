import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import {
  identityFileOf,
  parseIdentityFile,
  readIdentityFile,
} from '../../../src/detect/identity-file.ts';
import { isStationError } from '../../../src/errors.ts';

function problemsOf(content: string): readonly string[] {
  try {
    parseIdentityFile(content, 'x.disk.yaml');
  } catch (error) {
    if (isStationError(error, 'identity-file-invalid')) {
      expect(error.payload.file).toBe('x.disk.yaml');
      return error.payload.problems;
    }
    throw error;
  }
  return [];
}

describe('an identity file', () => {
  it('gives identifiers as they are written, blanks and odd characters included', () => {
    const identity = { serial: ' WD-1  é"$(x)', model: 'My Passport', wwn: 'naa.5000', bay: 'b' };
    expect(parseIdentityFile(stringify(identity), 'f')).toEqual(identity);
    expect(parseIdentityFile('serial: ""', 'f')).toEqual({ serial: '' });
    expect(parseIdentityFile('', 'f')).toEqual({});
  });

  it('gives every kind of fault', () => {
    const range = { offsetBytes: 4096, lengthBytes: 512 };
    const faults = [
      { kind: 'read-error', ...range, errno: 61, times: 2 },
      { kind: 'delay', ...range, delayMs: 10 },
      { kind: 'hang', ...range, maxSeconds: 60 },
      { kind: 'corrupt', ...range },
    ];
    expect(parseIdentityFile(stringify({ faults }), 'f').faults).toEqual(faults);
  });

  it.each([
    ['serial: 12345', 'serial: must be text; put quotes around a number'],
    ['serail: X', 'serail: unknown key'],
    ['faults: [{kind: corrupt, offsetBytes: 0, lengthBytes: 0}]', 'faults.0.lengthBytes: '],
    ['faults: [{kind: hang, offsetBytes: 0, lengthBytes: 1, maxSeconds: 61}]', 'faults.0.maxSeco'],
    ['faults: [{kind: smoke}]', 'faults.0.kind: '],
    ['faults: [{kind: corrupt, offsetBytes: 0, lengthBytes: 1, errno: 5}]', 'faults.0.errno: unk'],
    ['- a list', 'file: '],
    ['serial: a\nserial: b', 'Map keys must be unique'],
    ['serial: [', 'x.disk.yaml:1:'],
    [`serial: "${'x'.repeat(70_000)}"`, 'longer than'],
  ])('refuses %j and names the field', (content, problem) => {
    expect(problemsOf(content).join('\n')).toContain(problem);
  });

  it('names the place of a problem', () => {
    expect(problemsOf('bay: left\nserial: 12345')).toEqual([
      'x.disk.yaml:2:9: serial: must be text; put quotes around a number',
    ]);
  });

  it('never ends in anything but an identity or identity-file-invalid', () => {
    const document = fc.oneof(
      fc.string(),
      fc.jsonValue().map((value) => stringify(value)),
    );
    fc.assert(fc.property(document, (content) => void problemsOf(content)));
  });
});

describe('the place of an identity file', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'drive-station-identity-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('is beside the image', async () => {
    const image = join(directory, 'bay-1.img');
    expect(identityFileOf(image)).toBe(join(directory, 'bay-1.disk.yaml'));
    await writeFile(join(directory, 'bay-1.disk.yaml'), 'serial: S1\n');
    expect(await readIdentityFile(image)).toEqual({ serial: 'S1' });
  });

  it('may be empty: a disk that says nothing of itself', async () => {
    expect(await readIdentityFile(join(directory, 'none.img'))).toEqual({});
  });

  it('must be readable when it is there', async () => {
    await mkdir(join(directory, 'odd.disk.yaml'));
    await expect(readIdentityFile(join(directory, 'odd.img'))).rejects.toMatchObject({
      code: 'identity-file-invalid',
      payload: { file: join(directory, 'odd.disk.yaml') },
    });
  });
});

import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CLOSED_BOX,
  readOrMakeSecretKey,
  readSecretKey,
  secretBox,
} from '../../../src/ledger/secret-box.ts';

const box = secretBox(Buffer.alloc(32, 7));
const unreadable = expect.objectContaining({ code: 'secret-unreadable' });

describe('a sealed secret', () => {
  it('opens at its place, is never the same text twice, and does not show what it holds', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8 }), fc.string(), (secret, place) => {
        const sealed = box.seal(secret, place);
        expect(box.open(sealed, place)).toBe(Buffer.from(secret).toString());
        expect(sealed).not.toBe(box.seal(secret, place));
        expect(sealed).not.toContain(secret);
      }),
    );
  });

  it('does not open at another place, after any change, or with another key', () => {
    const sealed = box.seal('238810-662376', 'drive/a');
    expect(() => box.open(sealed, 'drive/b')).toThrow(unreadable);
    expect(() => secretBox(Buffer.alloc(32, 8)).open(sealed, 'drive/a')).toThrow(unreadable);
    const [version, key, text = ''] = sealed.split('.');
    const bytes = Buffer.from(text, 'base64url');
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ flip;
        const forged = `${version}.${key}.${changed.toString('base64url')}`;
        expect(() => box.open(forged, 'drive/a')).toThrow(unreadable);
      }),
    );
    for (const cut of ['', 'v1', 'v2.x.y', `${version}.${key}.`, `${version}.${key}.AAAA`]) {
      expect(() => box.open(cut, 'drive/a')).toThrow(unreadable);
    }
  });

  it('is neither made nor opened without a key', () => {
    expect(() => CLOSED_BOX.seal('x', 'p')).toThrow(unreadable);
    expect(() => CLOSED_BOX.open('x', 'p')).toThrow(unreadable);
  });
});

describe('the key file', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'drive-station-key-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('is made once, for its owner only, and read again', async () => {
    const file = join(directory, 'secrets.key');
    const made = await readOrMakeSecretKey(file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(Buffer.from(await readOrMakeSecretKey(file))).toEqual(Buffer.from(made));
    expect((await readFile(file, 'utf8')).trim()).toMatch(/^[0-9a-f]{64}$/u);
  });

  it('may hold Base64, and is never made anew over something else', async () => {
    const file = join(directory, 'given.key');
    await writeFile(file, `${Buffer.alloc(32, 9).toString('base64')}\n`);
    expect(Buffer.from(await readSecretKey(file))).toEqual(Buffer.alloc(32, 9));
    await writeFile(file, 'too short');
    const refused = { code: 'secret-key-unreadable', payload: { file } };
    await expect(readOrMakeSecretKey(file)).rejects.toMatchObject(refused);
    expect(await readFile(file, 'utf8')).toBe('too short');
    await expect(readSecretKey(join(directory, 'none'))).rejects.toMatchObject({
      code: 'secret-key-unreadable',
    });
  });
});

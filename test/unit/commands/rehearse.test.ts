import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../../src/rehearsal/catalogue.ts';
import { start } from '../../support/command-line.ts';

const PROGRAM = join(import.meta.dirname, '../../../bin/drive-station');
const rehearse = (...args: string[]) => start(['rehearse', ...args]).ended;

describe('drive-station rehearse', () => {
  it('lists every fault with what must happen', async () => {
    const { code, stdout } = await rehearse('--list');
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(CATALOGUE.length + 1);
    for (const [at, { name, happens }] of CATALOGUE.entries()) {
      expect(lines[at + 1]).toMatch(new RegExp(`^${name}\\s`, 'u'));
      expect(lines[at + 1]).toContain(happens);
    }
  });

  it('ends well when nobody reads on', () => {
    const script = `"${PROGRAM}" rehearse --list | :; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' });
  });

  it('lists a group for programs', async () => {
    const { stdout } = await rehearse('--list', '--group', 'storage', '--json');
    const names = CATALOGUE.filter(({ group }) => group === 'storage').map(({ name }) => ({
      name,
    }));
    expect(JSON.parse(stdout)).toMatchObject(names);
  });

  it.each([
    [[], 'name a fault, a --group or --all'],
    [['no-such-fault', 'weak-sector'], 'no such fault: no-such-fault; --list shows them'],
    [['--group', 'weather'], 'Allowed choices are media, attachment'],
    [['--all', '--json', '--console'], 'cannot be used with'],
  ])('is used wrongly with %j', async (args, words) => {
    const { code, stderr } = await rehearse(...args);
    expect(stderr).toContain(words);
    expect(code).toBe(2);
  });

  it.skipIf(process.getuid?.() !== 0)('says what is missing and what installs it', async () => {
    const { ended } = start(['rehearse', '--all'], { PATH: '/nonexistent' });
    const { code, stderr } = await ended;
    expect(stderr).toMatch(
      /cannot rehearse: not installed: gcc.*; on Debian: apt-get install gcc /u,
    );
    expect(code).toBe(1);
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { start } from '../../support/command-line.ts';
import { type Serving, startServing } from '../../support/serving.ts';
import { busyView, completedDrive, copyingDrive, emptyView } from '../../support/views.ts';

/** Each command is a process that loads the whole program; a busy machine takes its time. */
describe('the commands that look at a station', () => {
  let serving: Serving;
  let url: string;
  beforeAll(async () => {
    serving = await startServing(busyView());
    url = serving.server.url;
  });
  afterAll(() => serving.close());

  it('watch --once prints the table and ends with 0', async () => {
    const { code, stdout } = await start(['watch', '--once', '--url', url]).ended;
    expect(code).toBe(0);
    expect(stdout).toContain('WD-WCC7K0AB12CD');
    expect(stdout).not.toContain('\u001b[');
  });

  it('takes the address from the environment', async () => {
    const { code, stdout } = await start(['drives'], { DRIVE_STATION_URL: url }).ended;
    expect([code, stdout.includes('Bay 5: extra drive')]).toEqual([0, true]);
  });

  it('drives --json prints what a program can read', async () => {
    const { stdout } = await start(['drives', '--json', '--url', url]).ended;
    expect(JSON.parse(stdout)).toEqual({
      drives: serving.feed.view.drives,
      disks: serving.feed.view.disks,
    });
  });

  it('drives confirm and retry ask the station in the name of the user', async () => {
    const confirm = ['drives', 'confirm', 'Bay 6', 'contoso-archive', 'KV6H86XP', '--url', url];
    expect((await start(confirm).ended).code).toBe(0);
    const retry = ['drives', '--url', url, 'retry', 'contoso-archive', 'ZA2B7XK9'];
    expect((await start(retry).ended).code).toBe(0);
    expect(serving.asked).toMatchObject([
      { what: 'confirm', confirmation: { disk: 'near-1', driveId: 'KV6H86XP' } },
      { what: 'retry', drive: { driveId: 'ZA2B7XK9' } },
    ]);
    for (const { actor } of serving.asked) expect(actor).toMatch(/^cli:/u);
  });

  it.each([
    ['no station there', 1, ['watch', '--once', '--url', 'http://127.0.0.1:9']],
    ['a bay without a disk', 1, ['drives', 'confirm', 'Bay 99', 'j', 'd']],
    ['an address that is none', 2, ['watch', '--url', 'nowhere']],
    ['an unknown option', 2, ['drives', '--twice']],
    ['--help', 0, ['drives', 'confirm', '--help']],
  ])('%s: exit code %i', async (_what, expected, args) => {
    const { code, stderr, stdout } = await start(args, { DRIVE_STATION_URL: url }).ended;
    expect(code).toBe(expected);
    expect(expected === 0 ? stdout : stderr).not.toBe('');
  });

  it('watch prints a line for each change when piped, and ends with 0 on SIGTERM', async () => {
    const other = await startServing({ ...emptyView(), drives: [copyingDrive('A', 'Bay 1', 0.1)] });
    const watching = start(['watch', '--url', other.server.url]);
    try {
      await expect.poll(watching.output).toContain('drive A');
      other.publish({ ...emptyView(), drives: [completedDrive('A', 'Bay 1')] });
      await expect.poll(watching.output).toContain('safe to remove');
      await other.restart();
      await expect.poll(watching.output).toContain('connected again');
      watching.child.kill('SIGTERM');
      expect((await watching.ended).code).toBe(0);
      expect(watching.output()).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z drive A/u);
    } finally {
      watching.child.kill('SIGKILL');
      await other.close();
    }
  });
});

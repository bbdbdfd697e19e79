import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { start } from '../../support/command-line.ts';
import { temporaryDirectory } from '../../support/ledger.ts';
import { ADDRESS, Workshop } from '../../support/workshop.ts';

/** The commands of technicians and operators, each a process, at a station that does its work. */
describe('the commands of parcels, alerts and jobs', () => {
  let workshop: Workshop;

  beforeEach(async () => {
    workshop = await Workshop.open({ broken: ['BROKEN01'] });
  });
  afterEach(() => workshop?.[Symbol.asyncDispose]());

  const run = (...args: string[]) => start(args, { DRIVE_STATION_URL: workshop.url }).ended;
  /** What a command prints, where it is done. */
  const told = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(...args);
    expect([code, stderr]).toEqual([0, '']);
    return stdout;
  };
  const alertId = async (kind: string) => {
    const open = await workshop.ledger.alerts.list('open');
    return open.find((alert) => alert.kind === kind)?.id ?? 'none';
  };

  it('unpack a parcel, show its list, and ask about what is missing', async () => {
    const job = await workshop.createJob('contoso', ['SERIAL01', 'SERIAL02']);
    const label = ['--carrier', 'FedEx', '--tracking', '9405 5036'];
    expect(await told('job', 'check-in', 'contoso', ...label)).toMatch(
      /unpacking a parcel of contoso \(FedEx 9405 5036\), begun by cli:\S+ \d+ s ago: 0 of 2 here\n\n· {2}SERIAL01 {2}not yet/u,
    );
    await workshop.plug('Bay 1', 'SERIAL02');
    await workshop.plug('Bay 2', 'STRANGER');
    const list = await told('job', 'check-in');
    expect(list).toContain('1 of 2 here');
    expect(list).toContain('✓  SERIAL02  Bay 1, verified');
    expect(list).toContain('!  STRANGER  on no list: set it aside (Bay 2)');

    const unsaid = await run('job', 'check-in', '--complete');
    expect([unsaid.code, unsaid.stderr]).toEqual([
      2,
      'error: not in the parcel of contoso: SERIAL01; say --missing come-later or --missing never-received\n',
    ]);
    expect(await told('job', 'check-in', '--complete', '--missing', 'never-received')).toBe(
      'the parcel of contoso is unpacked; SERIAL01: never-received\n',
    );
    expect(await told('job', 'check-in')).toBe('no parcel is being unpacked\n');
    const shown = await told('job', 'show', 'contoso');
    expect(shown).toMatch(/contoso: Packaging, .*2 drives/u);
    expect(shown).toMatch(/SERIAL01 +NeverReceived/u);
    expect(shown).toMatch(/\nin +\d{4}-\S+ +cli:\S+ +FedEx +9405 5036\n/u);
    expect(await workshop.stateOf(job)).toBe('Packaging');
  });

  it('pack, put in the address, and record the way back', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'address.yaml');
    const job = await workshop.createJob('contoso', ['SERIAL01'], { returnAddress: undefined });
    await workshop.plug('Bay 1', 'SERIAL01');
    const before = await told('job', 'pack', 'contoso');
    expect(before).toContain('To: (no return address yet)');
    expect(before).toContain('! Still plugged in: SERIAL01 (Bay 1).');
    await workshop.pull('Bay 1');

    await writeFile(file, stringify({ ...ADDRESS, city: 7 }));
    const wrong = await run('job', 'return-address', 'contoso', '--file', file);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining(`${file}:3:`)]);
    await writeFile(file, stringify(ADDRESS));
    await told('job', 'return-address', 'contoso', '--file', file);

    const packing = await told('job', 'pack', 'contoso');
    expect(packing).toContain('[ ]  SERIAL01  verified');
    expect(packing).toContain('│ Contoso, Goods In ');
    expect(packing).not.toContain('cannot go');
    const nobody = await run('job', 'return', 'contoso', '--tracking', 'JD01');
    expect([nobody.code, nobody.stderr]).toEqual([2, expect.stringContaining('--carrier')]);
    const paper = ['--carrier', 'DHL', '--tracking', 'JD01', '--date', '2026-11-24'];
    expect(await told('job', 'return', 'contoso', ...paper)).toContain('contoso is Completed');
    expect(await told('job', 'show', 'contoso')).toContain(
      'sent back 2026-11-24 with DHL JD01, drives: 1',
    );
    expect(await workshop.stateOf(job)).toBe('Completed');
  });

  it('look after an alert and resolve it, by the beginning of its id', async () => {
    const job = await workshop.createJob('contoso', ['BROKEN01']);
    expect(await told('alerts')).toBe('nothing waits for an operator\n');
    await workshop.plug('Bay 3', 'BROKEN01');
    const id = await alertId('drive-faulted');
    const queue = await told('alerts');
    expect(queue).toContain(`${id.slice(0, 8)}  Drive needs you, contoso, BROKEN01, raised`);
    expect(queue).toMatch(/The disk has not answered for 30 s\.\s+Try another bay\./u);
    expect(queue).toContain('resolve: retry, end-without-copy');
    expect(await told('watch', '--once')).toContain('· 1 alert');

    expect(await told('alerts', 'acknowledge', id.slice(0, 8))).toMatch(
      /^cli:\S+ looks after it: Drive needs you \(contoso, BROKEN01\)\n$/u,
    );
    expect(await told('alerts')).toMatch(/cli:\S+ looks after it, for/u);
    const odd = await run('alerts', 'resolve', id.slice(0, 8), 'noted');
    expect([odd.code, odd.stderr]).toEqual([
      2,
      'error: "Drive needs you" takes retry or end-without-copy\n',
    ]);
    await told('alerts', 'resolve', id.slice(0, 8), 'end-without-copy', '--note', 'it clicks');
    expect((await workshop.ledger.drivesOf(job.id))[0]?.state.name).toBe('CompletedMoreInfo');
    expect(await told('alerts', '--all')).toMatch(
      /resolved \d+ s ago by cli:\S+: end-without-copy \(it clicks\)/u,
    );
    const again = await run('alerts', 'acknowledge', id);
    expect([again.code, again.stderr]).toEqual([
      1,
      expect.stringMatching(/^drive-station: .*resolved this alert/u),
    ]);
    const json: unknown = JSON.parse(await told('alerts', '--all', '--json'));
    expect(json).toMatchObject([{ id, resolved: { note: 'it clicks' } }]);
  });

  it('tie an extra drive to the parcel that it came in', async () => {
    await workshop.createJob('contoso', ['SERIAL01']);
    await workshop.plug('Bay 5', 'STRANGER');
    const [extra] = await workshop.ledger.parcels.extras('here');
    const id = extra?.id.slice(0, 8) ?? '';
    expect(await told('extras')).toMatch(
      new RegExp(`${id} +STRANGER +- +Bay 5 +\\S+ +\\? \\(extras assign\\)`, 'u'),
    );
    expect(await told('extras', 'assign', id, 'contoso')).toBe('STRANGER goes back with contoso\n');
    expect(await told('extras')).toMatch(/STRANGER .* contoso\n/u);
    const unknown = await run('extras', 'assign', 'zzz', 'contoso');
    expect([unknown.code, unknown.stderr]).toEqual([
      1,
      'drive-station: there is no extra drive zzz; look at drive-station extras\n',
    ]);
  });

  it('take an extra drive off the list that somebody took away', async () => {
    await workshop.plug('Bay 5', 'STRANGER');
    const [extra] = await workshop.ledger.parcels.extras('here');
    const id = extra?.id.slice(0, 8) ?? '';
    expect(await told('extras', 'taken-away', id)).toBe('STRANGER is off the list\n');
    expect(await told('extras')).toBe('there is no extra drive\n');
  });

  it('put a job aside, let it go on, stop waiting for it, and cancel it', async () => {
    const job = await workshop.createJob('contoso', ['SERIAL01', 'SERIAL02']);
    expect(await told('job', 'put-aside', 'contoso', '--reason', 'the account moves')).toBe(
      'contoso is Faulted (Shipping)\n',
    );
    expect(await told('job', 'show', 'contoso')).toContain(
      '! the account moves\n  Remove the cause, then let the job go on.',
    );
    expect(await told('job', 'resume', 'contoso')).toBe('contoso is Shipping\n');
    expect(await told('job', 'wait-longer', 'contoso')).toBe('contoso is Shipping\n');
    await workshop.plug('Bay 1', 'SERIAL01');
    await told('job', 'stop-waiting', 'contoso');
    const drives = await workshop.ledger.drivesOf(job.id);
    expect(drives.map(({ state }) => state.name)).toEqual(['Completed', 'NeverReceived']);
    const late = await run('job', 'cancel', 'contoso');
    expect([late.code, late.stderr]).toEqual([
      1,
      expect.stringContaining('before the job is Pack'),
    ]);
    await workshop.createJob('fabrikam', ['SERIAL09']);
    expect(await told('job', 'cancel', 'fabrikam')).toBe('fabrikam is Shipping, cancelled\n');
  });

  it('end a drive that cannot be copied', async () => {
    const job = await workshop.createJob('contoso', ['BROKEN01']);
    await workshop.plug('Bay 3', 'BROKEN01');
    const reason = ['--reason', 'the platters are scratched'];
    expect(await told('drives', 'end', 'contoso', 'BROKEN01', ...reason)).toBe(
      'Drive BROKEN01 of job contoso ends without a copy.\n',
    );
    const [drive] = await workshop.ledger.drivesOf(job.id);
    expect(drive?.verdict?.reasons[0]?.words).toContain('the platters are scratched');
  });

  it.each([
    ['half a label', ['job', 'check-in', 'contoso', '--carrier', 'FedEx']],
    ['an end that names a job', ['job', 'check-in', 'contoso', '--complete']],
    ['no reason', ['job', 'put-aside', 'contoso']],
    ['a state that is none', ['job', 'resume', 'contoso', '--to', 'Away']],
    ['no such file', ['job', 'return-address', 'contoso', '--file', '/nonexistent']],
  ])('refuse %s with exit code 2', async (_what, args) => {
    const { code, stderr } = await run(...args);
    expect(code).toBe(2);
    expect(stderr).not.toBe('');
  });

  it('say so with exit code 1 when the station refuses', async () => {
    const refused = await run('job', 'pack', 'nobody');
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('nobody') });
    const closed = await run('job', 'check-in', '--complete');
    expect(closed.stderr).toBe('drive-station: check-in: no parcel is being unpacked\n');
  });
});

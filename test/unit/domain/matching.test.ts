import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AttachedDisk, DiskKey } from '../../../src/domain/disk.ts';
import {
  type Claim,
  type Confirmation,
  type Match,
  matchDisks,
} from '../../../src/domain/matching.ts';
import { normaliseSerial } from '../../../src/domain/serial.ts';
import { aDisk, aDrive, keyOf } from '../../support/domain.ts';

function claim(job: string, driveId: string): Claim {
  const serial = normaliseSerial(driveId);
  if (serial === undefined) throw new RangeError(driveId);
  const { ref, jobName } = aDrive(job, driveId);
  return { ref, jobName, serial };
}

interface Scene {
  readonly disks: readonly AttachedDisk[];
  readonly claims?: readonly Claim[];
  readonly confirmations?: ReadonlyMap<DiskKey, Confirmation>;
}

function matchAll({ disks, claims = [], confirmations = new Map() }: Scene): Match[] {
  const answers = matchDisks({ disks, claims, confirmations });
  return disks.map((disk) => {
    const answer = answers.get(disk.key);
    if (answer === undefined) throw new RangeError(`no answer for ${disk.key}`);
    return answer;
  });
}

const kinds = (scene: Scene) => matchAll(scene).map((match) => match.kind);

describe('one disk', () => {
  const listed = [claim('job-a', 'WD-WMATV123456'), claim('job-b', '9WM35C2V')];

  test('with a listed serial is that drive of that job, whatever its case and blanks', () => {
    const [match] = matchAll({ disks: [aDisk({ serials: [' wd-wmatv123456 '] })], claims: listed });
    expect(match).toMatchObject({ kind: 'drive', ref: { driveId: 'WD-WMATV123456' } });
    expect(match?.reason).toContain('job-a');
  });

  test('with an unlisted serial is extra', () => {
    expect(kinds({ disks: [aDisk({ serials: ['KV6H86XP'] })], claims: listed })).toEqual(['extra']);
  });

  test('whose serial two sources report is extra with that serial named once', () => {
    const serials = [
      { source: 'ata-identify', raw: 'KV6H86XP' },
      { source: 'udev', raw: 'KV6H86XP ' },
    ] as const;
    const [match] = matchAll({ disks: [aDisk({ serials })], claims: listed });
    expect(match).toMatchObject({ kind: 'extra', reason: 'No active job lists serial KV6H86XP.' });
  });

  test('with a garbled serial is a suggestion, never a match', () => {
    const [match] = matchAll({ disks: [aDisk({ serials: ['V2C53MW9'] })], claims: listed });
    expect(match).toMatchObject({
      kind: 'near',
      suggestions: [{ ref: { driveId: '9WM35C2V' }, form: 'reversed' }],
    });
  });

  test('without any serial waits for a person', () => {
    expect(kinds({ disks: [aDisk({})], claims: listed })).toEqual(['ambiguous']);
  });

  test('without any serial is extra when no job expects a drive', () => {
    expect(kinds({ disks: [aDisk({})] })).toEqual(['extra']);
  });

  test('with a serial that bridges make up waits for a person even if it is listed', () => {
    const scene = {
      disks: [aDisk({ serials: ['000000000000'] })],
      claims: [claim('a', '000000000000')],
    };
    expect(kinds(scene)).toEqual(['ambiguous']);
  });

  test('listed by two jobs waits for a person', () => {
    const claims = [claim('job-a', 'KV6H86XP'), claim('job-b', 'KV6H86XP')];
    const [match] = matchAll({ disks: [aDisk({ serials: ['KV6H86XP'] })], claims });
    expect(match).toMatchObject({ kind: 'ambiguous', candidates: [{}, {}] });
  });

  test('whose bridge and medium answer to two listed drives waits for a person', () => {
    const serials = [
      { source: 'usb-descriptor', raw: '9WM35C2V' },
      { source: 'ata-identify', raw: 'WD-WMATV123456' },
    ] as const;
    expect(kinds({ disks: [aDisk({ serials })], claims: listed })).toEqual(['ambiguous']);
  });

  test('of the station is the station’s own, also when its serial is listed', () => {
    const more = { ownUses: [{ kind: 'mounted', device: 'sda1', mountpoint: '/' }] } as const;
    const disk = aDisk({ serials: ['9WM35C2V'], more });
    expect(kinds({ disks: [disk], claims: listed })).toEqual(['own']);
  });
});

describe('two disks', () => {
  const listed = [claim('job-a', 'WD-WMATV123456')];
  const twin = (port: string, ...serials: string[]) => aDisk({ serials, port });

  test('with one serial disqualify each other', () => {
    const disks = [twin('usb-1', 'WD-WMATV123456'), twin('usb-2', 'WD-WMATV123456')];
    expect(kinds({ disks, claims: listed })).toEqual(['ambiguous', 'ambiguous']);
    expect(matchAll({ disks, claims: listed })[0]).toMatchObject({ rivals: [keyOf('usb-2')] });
  });

  test('that share only the bridge’s serial are told apart by the serial of the medium', () => {
    const disks = [
      twin('usb-1', 'BRIDGE-77', 'WD-WMATV123456'),
      twin('usb-2', 'BRIDGE-77', 'OTHER-99'),
    ];
    expect(kinds({ disks, claims: listed })).toEqual(['drive', 'extra']);
  });

  test('of which a person confirmed one: that one is the drive, the other still waits', () => {
    const disks = [twin('usb-1', 'WD-WMATV123456'), twin('usb-2', 'WD-WMATV123456')];
    const { ref } = aDrive('job-a', 'WD-WMATV123456');
    const confirmations = new Map([[keyOf('usb-2'), { ref, actor: 'kim' }]]);
    expect(kinds({ disks, claims: listed, confirmations })).toEqual(['ambiguous', 'drive']);
  });

  test('confirmed as one drive by mistake both wait again', () => {
    const disks = [twin('usb-1', 'A1B2C3D4'), twin('usb-2', 'E5F6G7H8')];
    const { ref } = aDrive('job-a', 'WD-WMATV123456');
    const confirmations = new Map(disks.map((disk) => [disk.key, { ref, actor: 'kim' }]));
    expect(kinds({ disks, claims: listed, confirmations })).toEqual(['ambiguous', 'ambiguous']);
  });
});

test('every disk gets exactly one answer, and no drive is given to two disks', () => {
  const serials = fc.constantFrom(
    'AAAA1111',
    'BBBB2222',
    'CCCC3333',
    '000000000000',
    '',
    '1111AAAA',
  );
  const disks = fc.array(fc.array(serials, { maxLength: 3 }), { maxLength: 6 });
  const claims = fc.array(fc.constantFrom('AAAA1111', 'BBBB2222', 'CCCC3333'), { maxLength: 4 });
  fc.assert(
    fc.property(disks, claims, (sketches, listed) => {
      const present = sketches.map((each, i) => aDisk({ serials: each, port: `usb-${i}` }));
      const matches = matchAll({
        disks: present,
        claims: listed.map((driveId, i) => claim(`job-${i}`, driveId)),
      });
      expect(matches).toHaveLength(present.length);
      const given = matches.flatMap((match) => (match.kind === 'drive' ? [match.ref] : []));
      expect(new Set(given.map((ref) => `${ref.jobId}/${ref.driveId}`)).size).toBe(given.length);
      expect(matches.every((match) => match.reason.length > 10)).toBe(true);
    }),
  );
});

import { execFile } from 'node:child_process';
import { open, truncate } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DiskFault } from '../../detect/identity-file.ts';
import { ledgerFileOf } from '../../ledger/backups.ts';
import { runTool } from '../../loopback/run-tool.ts';
import type { AlertView, StationView } from '../../serve/wire.ts';
import type { Rehearsal } from '../contract.ts';
import { MIB } from '../disks.ts';
import type { Stage } from '../stage.ts';
import { StateDisk } from '../state-disk.ts';

/** The station itself fails, and nothing is lost. */

const PROGRAM = join(import.meta.dirname, '../../../bin/drive-station');
const SERIAL = 'WD-WCC4N7XKPZ01';
const SECOND = 'ZC18QV4T';
const SIZE = 64 * MIB;
/** Room for the emergency slice twice over, and for the ledger. */
const STATE_BYTES = 24 * MIB;
/** The unit kills what is left after this. */
const STOP_TIMEOUT_MS = 30_000;
/** A command loads the whole program; on a busy machine that takes its time. */
const COMMAND_TIMEOUT_MS = 120_000;
/** Between two looks for a new copy process. */
const LOOK_MS = 100;
/** More than what is left of the descriptors. */
const CONNECTIONS = 40;

/** A drive in the middle of its copy; answers its image. */
async function copying(stage: Stage): Promise<string> {
  const image = await stage.image({ serial: SERIAL, sizeBytes: SIZE });
  await stage.plug(image);
  await stage.job(SERIAL);
  await stage.midCopy(SERIAL);
  return image;
}

/** No block is held any longer; the copy ends well after so many attempts. */
async function goesOn(stage: Stage, image: string, attempts: number): Promise<void> {
  stage.store.release();
  await stage.arrived(SERIAL, image);
  await checkAttempts(stage, attempts);
}

/** Starts the station again and waits for a line that it logs at its start, early or late. */
async function restartUntilLogged(stage: Stage, words: string): Promise<void> {
  const before = stage.daemon.logs.length;
  await stage.restart();
  const isLogged = () => stage.daemon.logs.slice(before).some(({ msg }) => msg === words);
  await stage.untilView(() => isLogged(), `The log says: ${words}.`);
}

interface Ended {
  readonly exitCode: number;
  readonly text: string;
}

/** Runs a command with the configuration of the station, and reads what it says. */
async function command(stage: Stage, ...args: readonly string[]): Promise<Ended> {
  const all = [...args, '--config', stage.daemon.configFile];
  const ended = await new Promise<Ended>((resolve) => {
    const child = execFile(PROGRAM, all, { timeout: COMMAND_TIMEOUT_MS }, (_error, out, err) => {
      resolve({ exitCode: child.exitCode ?? -1, text: out + err });
    });
  });
  stage.tell('station', ended.text.trim());
  stage.hear(ended.text);
  return ended;
}

async function refuses(stage: Stage, exitCode: number): Promise<void> {
  const ended = await command(stage, 'serve');
  stage.check(ended.exitCode === exitCode, `It does not start, with exit code ${exitCode}.`);
}

/** What the event log says of the whole play, at its end. */
async function checkAttempts(stage: Stage, attempts: number): Promise<void> {
  const { count } = await stage.rig.ledger();
  const found = count('copy-attempt-begun');
  stage.check(found === attempts, `${attempts} attempts were begun (${found}), the log is whole.`);
  stage.check(count('faulted') === 0, 'No drive was faulted.');
}

/** One copy runs when the disk is full, and one is to begin then. */
async function playFullDisk(stage: Stage): Promise<void> {
  await stage.station();
  await stage.stop();
  await using disk = await StateDisk.mount(stage.daemon.stateDirectory, STATE_BYTES);
  try {
    await stage.restart();
    const images = [SERIAL, SECOND].map((serial) => stage.image({ serial, sizeBytes: SIZE }));
    const [first, second] = await Promise.all(images);
    if (first === undefined || second === undefined) return;
    await stage.job(SERIAL, SECOND);
    await stage.plug(first);
    await stage.midCopy(SERIAL);
    await disk.fill();
    stage.tell('made', 'The file system of the state directory is full.');
    await stage.untilView(isTold, 'The station says that it cannot write.');
    await stage.plug(second);
    await stage.untilView(isHeld, 'Another drive waits for the station.');
    stage.advise('Leave the disks in. Do what the alert says on the station itself.');
    await disk.makeRoom();
    stage.store.release();
    await stage.arrived(SERIAL, first);
    await stage.arrived(SECOND, second);
    const { count } = await stage.rig.ledger();
    stage.check(count('faulted') === 0, 'No drive was faulted.');
  } finally {
    await stage.daemon.kill();
  }
}

/** A drive whose bad sectors would let it keep more than there is room for, and a healthy one after it. */
async function playSickDriveAndLittleRoom(stage: Stage): Promise<void> {
  await stage.station();
  await stage.stop();
  await using _disk = await StateDisk.mount(stage.daemon.stateDirectory, 2 * STATE_BYTES);
  try {
    await stage.restart();
    const faults = Array.from({ length: 12 }, (_, at): DiskFault => {
      const offsetBytes = 16 * MIB * at + 7 * MIB;
      return { kind: 'read-error', offsetBytes, lengthBytes: 512, errno: 61 };
    });
    const sick = await stage.image({ serial: SERIAL, sizeBytes: 192 * MIB, faults });
    const well = await stage.image({ serial: SECOND, sizeBytes: SIZE });
    await stage.job(SERIAL, SECOND);
    await stage.plug(sick, { bay: 'left' });
    await stage.until(
      SERIAL,
      ({ activity }) => activity.kind === 'rescuing',
      'bad places are read',
    );
    await stage.plug(well, { bay: 'right' });
    await stage.arrived(SECOND, well);
    await stage.until(SERIAL, ({ state }) => state === 'CompletedMoreInfo', 'done, with notes');
    const kept = stage.daemon.logs.filter(({ msg }) => msg.includes('there is no room left'));
    stage.check(kept.length === 0, 'The state disk was never full.');
  } finally {
    await stage.daemon.kill();
  }
}

const isTold = ({ alerts }: StationView): boolean =>
  alerts.some(({ kind }) => kind === 'state-disk');

const isHeld = ({ drives }: StationView): boolean =>
  drives.some(({ activity }) => activity.kind === 'queued' && activity.reason !== undefined);

const isBlind = ({ station }: StationView): boolean => !station.detection.known;

export const STATION: readonly Rehearsal[] = [
  {
    name: 'state-disk-full',
    group: 'station',
    made: 'a small file system holds the state directory and is filled to the last byte in mid-copy',
    happens: 'no drive is begun, none is faulted, and all goes on by itself when there is room',
    reads: '“waiting for the station”: “is full. Make room until … MiB are free”',
    play: playFullDisk,
    slow: true,
  },
  {
    name: 'sick-drive-and-little-room',
    group: 'station',
    made: 'a small file system holds the state directory, and what a drive with bad sectors would keep is more',
    happens:
      'it keeps what there is room for and reads the rest again; a healthy drive is copied meanwhile',
    reads: 'the drive is “done, with notes”',
    play: playSickDriveAndLittleRoom,
    slow: true,
  },
  {
    name: 'station-killed',
    group: 'station',
    made: 'SIGKILL to the daemon in mid-copy',
    happens:
      'its copy process ends with it; the next start takes the lock and goes on from the store',
    reads: '“the store was asked what it holds”, then “verified”',
    slow: true,
    async play(stage) {
      await stage.station();
      const image = await copying(stage);
      await stage.kill();
      await stage.restart();
      await goesOn(stage, image, 2);
    },
  },
  {
    name: 'station-stopped',
    group: 'station',
    made: 'SIGTERM in mid-copy, as `systemctl stop` sends it',
    happens: 'the station stops in order within the time-out of its unit, and goes on afterwards',
    reads: '“stopping; running copies go on after the next start”',
    async play(stage) {
      await stage.station();
      const image = await copying(stage);
      const { exitCode, tookMs } = await stage.daemon.stop();
      stage.check(exitCode === 0, 'The station stopped with exit code 0.');
      stage.check(tookMs < STOP_TIMEOUT_MS, `It took ${Math.round(tookMs)} ms.`);
      await stage.restart();
      await goesOn(stage, image, 2);
    },
  },
  {
    name: 'terminal-closed',
    group: 'station',
    made: 'SIGHUP to the daemon in mid-copy, as from a terminal that is closed',
    happens: 'nothing: the copy goes on',
    reads: '“SIGHUP: nothing is read anew; restart for that”',
    async play(stage) {
      await stage.station();
      const image = await copying(stage);
      if (stage.daemon.pid !== undefined) process.kill(stage.daemon.pid, 'SIGHUP');
      await goesOn(stage, image, 1);
    },
  },
  {
    name: 'second-station',
    group: 'station',
    made: 'a second daemon is started on the same state directory',
    happens: 'the second one refuses, the first one goes on',
    reads: '“another station works in …”',
    async play(stage) {
      await stage.station();
      await refuses(stage, 1);
      stage.check(stage.daemon.alive, 'The first station is at work.');
    },
  },
  {
    name: 'ledger-emptied',
    group: 'station',
    made: 'the daemon is killed in mid-copy and its ledger file cut to 0 bytes',
    happens: 'no start with an empty ledger; after a restore the copy goes on, nothing is lost',
    reads: '“ledger.sqlite is empty (0 bytes)” and “drive-station ledger restore”',
    slow: true,
    async play(stage) {
      await stage.station();
      const image = await copying(stage);
      // A start makes a backup of what there is.
      await stage.stop();
      await restartUntilLogged(stage, 'the ledger was backed up');
      await stage.kill();
      await truncate(ledgerFileOf(stage.daemon.stateDirectory), 0);
      await refuses(stage, 3);
      const restored = await command(stage, 'ledger', 'restore');
      stage.check(restored.exitCode === 0, 'The newest backup is in its place.');
      stage.store.release();
      await stage.restart();
      await stage.arrived(SERIAL, image);
    },
  },
  {
    name: 'ledger-damaged',
    group: 'station',
    made: 'a page in the middle of the ledger file is overwritten while the station is stopped',
    happens: 'the station refuses to start and repairs nothing by itself',
    reads: '“is damaged” and “drive-station ledger restore”',
    async play(stage) {
      await stage.station();
      await stage.stop();
      const file = await open(ledgerFileOf(stage.daemon.stateDirectory), 'r+');
      await file.write(Buffer.alloc(8192, 0xff), 0, 8192, 4096);
      await file.close();
      await refuses(stage, 3);
    },
  },
  {
    name: 'copy-process-killed',
    group: 'station',
    made: 'SIGKILL to the copy process, as the kernel does it when memory runs out',
    happens: 'the daemon and other copies go on; this one is tried again from what the store holds',
    reads: '“the copy process was killed (SIGKILL)”',
    async play(stage) {
      await stage.station();
      const image = await copying(stage);
      for (const { pid } of await stage.daemon.copyProcesses()) process.kill(pid, 'SIGKILL');
      await goesOn(stage, image, 2);
    },
  },
  {
    name: 'copy-killed-again',
    group: 'station',
    made: 'SIGKILL to each copy process of a drive as soon as it is there, more often than attempts count',
    happens: 'the drive is not faulted: it is tried again with growing pauses, operators are told',
    reads: 'an alert, “Copy killed again and again”: “The drive is not to blame: leave it in.”',
    async play(stage, signal) {
      await stage.station({ copy: { maxAttempts: 2 } });
      const image = await copying(stage);
      await killEachCopy(stage, signal);
      const alert = 'An alert tells the operators.';
      await stage.untilView(({ alerts }) => alerts.some(isOfKilled), alert);
      stage.check(stage.drive(SERIAL)?.fault === null, 'The drive is not faulted.');
      stage.store.release();
      await stage.arrived(SERIAL, image);
      await stage.untilView(({ alerts }) => !alerts.some(isOfKilled), 'The alert is over.');
    },
  },
  {
    name: 'out-of-descriptors',
    group: 'station',
    made: 'the limit of open files of the daemon is lowered to what it has, and clients take the rest',
    happens: 'the running copy goes on; nothing is decided until the disks can be seen again',
    reads: '“what is attached is unknown”',
    async play(stage) {
      await stage.station();
      const image = await copying(stage);
      const limit = await limitOf(stage);
      const clients = await takeDescriptors(stage);
      try {
        await stage.untilView(isBlind, 'The disks cannot be looked at any more.');
        stage.store.release();
      } finally {
        for (const client of clients) client.destroy();
        await setLimit(stage, limit);
      }
      await stage.arrived(SERIAL, image);
      await checkAttempts(stage, 1);
    },
  },
];

const isOfKilled = ({ kind }: AlertView): boolean => kind === 'copy-killed';

/** Until the operators hear of it. */
async function killEachCopy(stage: Stage, signal: AbortSignal): Promise<void> {
  const killed = new Set<number>();
  while (stage.daemon.view?.alerts.some(isOfKilled) !== true) {
    for (const { pid } of await stage.daemon.copyProcesses()) {
      if (killed.has(pid)) continue;
      killed.add(pid);
      process.kill(pid, 'SIGKILL');
    }
    await sleep(LOOK_MS, undefined, { signal });
  }
  stage.tell('made', `${killed.size} copy processes were killed (SIGKILL), one after the other.`);
}

const pidOf = (stage: Stage): string => String(stage.daemon.pid ?? '');

async function limitOf(stage: Stage): Promise<string> {
  const options = ['--pid', pidOf(stage), '--nofile', '--output=SOFT', '--noheadings', '--raw'];
  return (await runTool('prlimit', options)).trim();
}

/** The soft limit alone: it can be raised again. */
async function setLimit(stage: Stage, limit: string): Promise<void> {
  await runTool('prlimit', ['--pid', pidOf(stage), `--nofile=${limit}:`]);
}

async function takeDescriptors(stage: Stage): Promise<Socket[]> {
  const open = (await runTool('ls', [`/proc/${pidOf(stage)}/fd`])).trim().split('\n').length;
  await setLimit(stage, String(open));
  stage.tell('made', `The station may have ${open} files open, which it has.`);
  const { port, hostname } = new URL(stage.daemon.url);
  return Array.from({ length: CONNECTIONS }, () =>
    connect(Number(port), hostname).on('error', () => undefined),
  );
}

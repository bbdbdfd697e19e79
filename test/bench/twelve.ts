import { setTimeout as sleep } from 'node:timers/promises';
import { type CrowdEnd, playCrowd } from '../support/crowd.ts';
import { Daemon } from '../support/daemon.ts';
import { ACCOUNT, MIB } from '../support/disks.ts';
import { sinkAccount, startSink } from './start-sink.ts';

/**
 * `npm run bench:twelve`: nine healthy drives alone, and the same nine beside one that hangs, one with
 * 1,000 bad sectors and one that is pulled, in one run. Each request to the store takes a fixed time, so
 * that the store and not this machine is what the copies wait for. The rounds alternate.
 */

const HEALTHY = Number(process.env.BENCH_TWELVE_HEALTHY ?? 9);
const SIZE = Number(process.env.BENCH_TWELVE_MIB ?? 128) * MIB;
const DELAY_MS = Number(process.env.BENCH_TWELVE_DELAY_MS ?? 3000);
const ROUNDS = Number(process.env.BENCH_TWELVE_ROUNDS ?? 1);

const say = (line: string) => process.stdout.write(`${line}\n`);
const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

async function round(withSick: boolean): Promise<CrowdEnd> {
  const sink = await startSink(DELAY_MS);
  try {
    await using daemon = await Daemon.start({
      storageAccounts: { [ACCOUNT]: sinkAccount(sink.port) },
      copy: { maxDrives: HEALTHY + 3, readHangMs: 600_000 },
    });
    return await playCrowd(daemon, {
      ...{ healthy: HEALTHY, withSick },
      ...{ sizeBytes: SIZE, deadlineMs: 280_000 },
    });
  } finally {
    sink.child.kill('SIGKILL');
  }
}

function told(name: string, { tookMs, pullNoticedMs }: CrowdEnd) {
  const times = [...tookMs.values()];
  const [average, last] = [mean(times), Math.max(...times)];
  const pull =
    pullNoticedMs === undefined ? '' : `; the pull was shown after ${seconds(pullNoticedMs)}`;
  say(`${name.padEnd(22)} mean ${seconds(average)}, last ${seconds(last)}${pull}`);
  return { average, last };
}

const ratios: { average: number; last: number }[] = [];
for (let at = 0; at < ROUNDS; at++) {
  const alone = told(`${HEALTHY} alone`, await round(false));
  await sleep(1000);
  const beside = told(`${HEALTHY} beside 3 sick ones`, await round(true));
  ratios.push({ average: beside.average / alone.average, last: beside.last / alone.last });
}
say(
  `beside sick ones to alone: mean x${mean(ratios.map(({ average }) => average)).toFixed(3)}, ` +
    `last x${mean(ratios.map(({ last }) => last)).toFixed(3)}`,
);

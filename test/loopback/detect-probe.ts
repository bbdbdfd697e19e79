/**
 * A process with nothing but a detector: prints a JSON line for each change of the facts and closes
 * when its input ends. It has to end by itself then, because nothing may be left running.
 */
import { writeSync } from 'node:fs';
import { Detector } from '../../src/detect/detector.ts';
import { probeOptionsSchema } from './detect-probe-wire.ts';

const options = probeOptionsSchema.parse(JSON.parse(process.argv[2] ?? ''));

function tell(line: object): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

const log = (_: object, message: string) => tell({ kind: 'log', message });
const logger = { debug: log, info: log, warn: log, error: log };
const detector = await Detector.create(options, { logger, now: () => performance.now() });
const report = () => tell({ kind: 'facts', mode: detector.mode, ...detector.facts() });
detector.onChange(report);
report();
process.stdin.resume();
process.stdin.once('end', () => void detector.close().then(() => tell({ kind: 'closed' })));

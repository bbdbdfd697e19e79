import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { runChildScript, toolPath } from '../../../src/detect/child-script.ts';
import { enumerationSchema } from '../../../src/detect/enumeration.ts';
import { probeHealth } from '../../../src/detect/health.ts';
import { readRecording } from './recorded-machine.ts';

const never = new AbortController().signal;

const listSchema = z.object({
  blockdevices: z.array(z.record(z.string(), z.unknown())),
});

const COLUMNS =
  'NAME,TYPE,SIZE,FSTYPE,MOUNTPOINT,UUID,ROTA,RO,RM,TRAN,SERIAL,LABEL,MODEL,OWNER'.split(',');

/** The recorded answer in lsblk's other form, which only systeminformation asks for. */
function asPairs(recording: string): string {
  const { blockdevices } = listSchema.parse(JSON.parse(recording));
  const text = (value: unknown) =>
    value === true ? '1' : value === false ? '0' : String(value ?? '');
  const line = (device: Record<string, unknown>) =>
    COLUMNS.map((column) => `${column}="${text(device[column.toLowerCase()])}"`).join(' ');
  return `${blockdevices.map(line).join('\n')}\n`;
}

/** Puts tools before the system's that answer what was recorded and note each call. */
async function recordedTools(name: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'drive-station-packages-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const recording = await readRecording(name, 'lsblk-JO.json');
  const smart = /^\{$[\s\S]*?^\}$/mu.exec(await readRecording(name, 'smartctl.txt'))?.[0] ?? '';
  const put = (file: string, text: string, mode = 0o644) =>
    writeFile(join(directory, file), text, { mode });
  await put('tree.json', recording);
  await put('pairs', asPairs(recording));
  await put('smart.json', smart.replace('"-x"', '"-a"'));
  const here = `d=\${0%/*}; echo "\${0##*/} $*" >> $d/calls`;
  const form = `case "$*" in *-bP*) cat $d/pairs;; *) cat $d/tree.json;; esac`;
  await put('lsblk', `#!/bin/sh\n${here} 2>/dev/null\n${form}\n`, 0o755);
  await put('smartctl', `#!/bin/sh\n${here}\ncat $d/smart.json\n`, 0o755);
  vi.stubEnv('PATH', `${directory}:${process.env.PATH}`);
  return directory;
}

afterEach(() => {
  vi.unstubAllEnvs();
});

async function enumerate(name: string) {
  const directory = await recordedTools(name);
  // The child is nobody, and has to be able to reach the recorded tools.
  await chmod(directory, 0o755);
  const child = { script: 'enumerate-child.ts', schema: enumerationSchema };
  return runChildScript({ ...child, env: { PATH: toolPath() } }, never);
}

describe('the enumerating packages on recorded answers', () => {
  it('tell bus, serial and model of a USB disk', async () => {
    const { drives, blockDevices, failures } = await enumerate('usb-uas');
    expect(failures).toEqual([]);
    expect(drives.find(({ device }) => device === '/dev/sda')).toMatchObject({
      busType: 'USB',
      isReadOnly: false,
      blockSize: 512,
      mountpoints: [],
    });
    expect(blockDevices.find((item) => item.name === 'sda')).toMatchObject({
      serial: 'MSFT30NA8XYZ12',
      model: 'Expansion HDD',
      protocol: 'usb',
      removable: false,
    });
  });

  it('call every disk that cannot be hot-plugged a system disk, so that word decides nothing', async () => {
    const { drives } = await enumerate('virtio-blk');
    const system = drives.map(({ device, isSystem }) => [device, isSystem]);
    expect(system).toEqual(
      expect.arrayContaining([
        ['/dev/vda', true],
        ['/dev/vdb', true],
      ]),
    );
  });
});

describe('health through systeminformation on recorded answers', () => {
  it('reads a disk that answers, and asks that disk alone and once', async () => {
    const directory = await recordedTools('nvme');
    const health = await probeHealth({ devicePath: '/dev/nvme0n1' }, never);
    expect(health).toEqual({ status: 'passed', temperatureC: 50 });
    const calls = (await readFile(join(directory, 'calls'), 'utf8')).trim().split('\n');
    expect(calls.filter((call) => call.startsWith('smartctl'))).toEqual([
      'smartctl -a -j /dev/nvme0n1',
    ]);
  });

  it('is unknown behind a bridge that smartctl does not know, which is not asked again', async () => {
    const directory = await recordedTools('usb-uas');
    expect(await probeHealth({ devicePath: '/dev/sda' }, never)).toEqual({ status: 'unknown' });
    const calls = (await readFile(join(directory, 'calls'), 'utf8')).trim().split('\n');
    expect(calls.filter((call) => call.startsWith('smartctl'))).toHaveLength(1);
  });
});

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runTool } from '../../../src/detect/tool.ts';
import { TOOL_OUTPUT_MAX_BYTES } from '../../../src/limits.ts';

const never = new AbortController().signal;
const sh = (script: string) => ({ command: '/bin/sh', args: ['-c', script] });

/** A killed process that nobody has collected yet no longer runs. */
async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State:\tZ');
  return !/^State:\t[ZX]/mu.test(status);
}

async function scratchDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'drive-station-tool-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

describe('a tool that looks at disks', () => {
  it('answers what it printed', async () => {
    await expect(runTool(sh('printf "a é"; printf b'), never)).resolves.toBe('a éb');
  });

  it('is not believed when it fails, and its complaint is kept', async () => {
    await expect(
      runTool(sh('echo half an answer; echo no such disk >&2; exit 3'), never),
    ).rejects.toMatchObject({
      code: 'tool-failed',
      payload: { exitCode: 3, detail: 'no such disk' },
    });
  });

  it('fails when it does not exist', async () => {
    const missing = { command: '/nonexistent/tool', args: [] };
    await expect(runTool(missing, never)).rejects.toMatchObject({ code: 'tool-failed' });
  });

  it('fails when it prints without end', async () => {
    await expect(runTool(sh('exec yes'), never)).rejects.toMatchObject({
      code: 'tool-failed',
      payload: { detail: 'its output is too long' },
    });
    const most = `head -c ${TOOL_OUTPUT_MAX_BYTES} /dev/zero`;
    await expect(runTool(sh(most), never)).resolves.toHaveLength(TOOL_OUTPUT_MAX_BYTES);
  });

  it('is left behind although it has ended itself, when what it started has not', async () => {
    await using scratch = await scratchDirectory();
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const tool = { ...sh(`sleep 60 & echo $! > ${scratch.path}/pid`), onLateEnd: resolve };
    await expect(runTool({ ...tool, deadlineMs: 300 }, never)).rejects.toMatchObject({
      code: 'tool-timed-out',
    });
    await ended;
    const pid = Number(await readFile(join(scratch.path, 'pid'), 'utf8'));
    await expect.poll(() => isRunning(pid)).toBe(false);
  });

  it('is left behind at its deadline, with everything that it started', async () => {
    let lateEnds = 0;
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const onLateEnd = () => {
      lateEnds += 1;
      resolve();
    };
    const started = Date.now();
    await using scratch = await scratchDirectory();
    // The grandchild keeps the pipe open, as a hung lsblk below a package would.
    const script = `echo $$ > ${scratch.path}/group; sleep 60 & echo $! > ${scratch.path}/pid; wait`;
    const groups: number[] = [];
    const onAbandoned = (group: number) => groups.push(group);
    const tool = { ...sh(script), deadlineMs: 1500, onLateEnd, onAbandoned };
    await expect(runTool(tool, never)).rejects.toMatchObject({
      code: 'tool-timed-out',
      payload: { deadlineMs: 1500 },
    });
    expect(Date.now() - started).toBeLessThan(30_000);
    await ended;
    expect(lateEnds).toBe(1);
    expect(groups).toEqual([Number(await readFile(join(scratch.path, 'group'), 'utf8'))]);
    const grandchild = Number(await readFile(join(scratch.path, 'pid'), 'utf8'));
    await expect.poll(() => isRunning(grandchild)).toBe(false);
  });

  it('is ended with its group when the caller gives up', async () => {
    const caller = new AbortController();
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const tool = { ...sh('sleep 61 & wait'), onLateEnd: resolve };
    const work = runTool(tool, caller.signal);
    caller.abort();
    await expect(work).rejects.toMatchObject({ code: 'cancelled' });
    await ended;
  });

  it('is not started when the caller has given up before', async () => {
    const gone = AbortSignal.abort();
    await expect(runTool(sh('exit 0'), gone)).rejects.toMatchObject({ code: 'cancelled' });
  });
});

import { readdir, readFile } from 'node:fs/promises';

/** Where procfs is mounted. */
const PROC = '/proc';
/** Fields of `/proc/<pid>/stat` behind the name in parentheses (proc_pid_stat(5)). */
const STATE_FIELD = 0;
const GROUP_FIELD = 2;
const START_FIELD = 19;

export interface ProcessTable {
  /** When a process was started, in ticks since boot: with its number it names it. */
  startOf(pid: number): Promise<number | undefined>;
  /**
   * Whether any thread of it still lives. One that hangs in the kernel lives on after SIGKILL, also when
   * the first thread has ended and the process looks like a zombie.
   */
  lives(pid: number, start: number): Promise<boolean>;
  /** Whether any process of a group lives: a tool may have started the one that hangs. */
  groupLives(group: number): Promise<boolean>;
  kill(pid: number): void;
}

export const PROCESS_TABLE: ProcessTable = {
  startOf: async (pid) => {
    const start = Number((await statOf(`${PROC}/${pid}/stat`))?.[START_FIELD]);
    return Number.isNaN(start) ? undefined : start;
  },
  lives: async (pid, start) => {
    if ((await PROCESS_TABLE.startOf(pid)) !== start) return false;
    const threads = await readdir(`${PROC}/${pid}/task`).catch(() => []);
    const states = await Promise.all(
      threads.map(async (id) => (await statOf(`${PROC}/${pid}/task/${id}/stat`))?.[STATE_FIELD]),
    );
    return states.some(isAlive);
  },
  groupLives: async (group) => {
    const pids = (await readdir(PROC)).filter((name) => /^\d+$/u.test(name));
    const stats = await Promise.all(pids.map((pid) => statOf(`${PROC}/${pid}/stat`)));
    return stats.some(
      (stat) => Number(stat?.[GROUP_FIELD]) === group && isAlive(stat?.[STATE_FIELD]),
    );
  },
  kill: (pid) => {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended in the meantime.
    }
  },
};

function isAlive(state: string | undefined): boolean {
  return state !== undefined && !'ZX'.includes(state);
}

async function statOf(file: string): Promise<string[] | undefined> {
  const text = await readFile(file, 'latin1').catch(() => undefined);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

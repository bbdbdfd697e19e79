import { readFileSync } from 'node:fs';

export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stderrTail: string;
  /** Whether the kernel killed a process of the service for its memory while this one ran. */
  readonly oomKilled: boolean;
}

/** What V8 and Node say last when an allocation fails. */
const OUT_OF_MEMORY = /heap out of memory|Array buffer allocation failed|Cannot allocate memory/u;

/** Only somebody outside of a process sends these; what crashes by itself ends by another one. */
const FROM_OUTSIDE: ReadonlySet<string | null> = new Set([
  'SIGKILL',
  'SIGTERM',
  'SIGINT',
  'SIGHUP',
]);

/** Whether the kernel, a person or another program ended the process, and not its own code. */
export function wasKilled({ signal }: Pick<ProcessEnd, 'signal'>): boolean {
  return FROM_OUTSIDE.has(signal);
}

/** Whether it wanted more memory than it could have. */
export function ranOutOfMemory({ stderrTail }: Pick<ProcessEnd, 'stderrTail'>): boolean {
  return OUT_OF_MEMORY.test(stderrTail);
}

/** How a copy process ended without a result, told so that too little memory is not taken for a crash. */
export function howItEnded(end: ProcessEnd): string {
  const { exitCode, signal, oomKilled } = end;
  if (ranOutOfMemory(end)) return 'the copy process ran out of memory';
  if (wasKilled({ signal })) {
    const by = oomKilled ? ' by the kernel, because memory ran out' : '';
    return `the copy process was killed${by} (${signal})`;
  }
  return `the copy process crashed (${signal ?? `exit code ${exitCode}`})`;
}

/**
 * How many processes of this one's control group the kernel has killed for memory; 0 where it does not
 * say. Of the two layouts the older has each controller in a tree of its own.
 */
export function oomKills(): number {
  try {
    const groups = readFileSync('/proc/self/cgroup', 'utf8');
    const unified = /^0::(.*)$/mu.exec(groups)?.[1];
    const memory = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/mu.exec(groups)?.[1];
    const file =
      memory === undefined
        ? `/sys/fs/cgroup${unified}/memory.events`
        : `/sys/fs/cgroup/memory${memory}/memory.oom_control`;
    return Number(/^oom_kill (\d+)$/mu.exec(readFileSync(file, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

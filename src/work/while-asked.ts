import { COPY_ALIVE_MS, HANG_SHOWN_MS } from '../limits.ts';
import type { RunnerDependencies } from './copy-attempt.ts';
import type { WorkItem } from './floor.ts';

/** A drive that sleeps spins up before it answers: meanwhile the screens say what is waited for. */
export async function whileAsked<T>(
  item: WorkItem,
  answer: Promise<T>,
  { onProgress }: Pick<RunnerDependencies, 'onProgress'>,
): Promise<T> {
  const since = performance.now();
  const timer = setInterval(() => {
    const waitedSeconds = Math.floor((performance.now() - since) / 1000);
    if (!isStarting(item) || waitedSeconds * 1000 < HANG_SHOWN_MS) return;
    item.activity = { kind: 'asking', waitedSeconds };
    onProgress();
  }, COPY_ALIVE_MS);
  try {
    return await answer;
  } finally {
    clearInterval(timer);
    if (isStarting(item)) item.activity = { kind: 'starting' };
  }
}

function isStarting({ activity: { kind } }: WorkItem): boolean {
  return kind === 'starting' || kind === 'asking';
}

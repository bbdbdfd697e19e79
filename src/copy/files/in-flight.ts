import { Slots } from '../../blobs/slots.ts';
import { throwIfCancelled } from '../../errors.ts';
import { isBadPlace } from './file-reader.ts';

/**
 * Works on items as they come, some of them at once. Settles only when nothing is in flight any more;
 * the first failure stops the rest and is thrown.
 */
export async function eachInFlight<T>(
  items: AsyncIterable<T>,
  { max, work }: { readonly max: number; work(item: T, signal: AbortSignal): Promise<void> },
  signal: AbortSignal,
): Promise<void> {
  throwIfCancelled(signal);
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const slots = new Slots(max);
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown) => {
    failure ??= { error };
    stop.abort(error);
  };
  try {
    for await (const item of items) {
      const slot = await slots.take(either);
      const done = work(item, either)
        .catch(fail)
        .finally(() => {
          slot[Symbol.dispose]();
          running.delete(done);
        });
      running.add(done);
    }
  } catch (error) {
    // A bad place ends what comes, and not what was read before it.
    if (isBadPlace(error)) failure ??= { error };
    else fail(error);
  }
  await Promise.all(running);
  if (failure !== undefined) throw failure.error;
}

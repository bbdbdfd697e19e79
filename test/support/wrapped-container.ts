import type { BlobContainer, CommitBlob } from '../../src/blobs/contract.ts';
import { StationError } from '../../src/errors.ts';

/** Containers to which something happens at one of their methods, for `FileDrive.wrap`. */

export type Method = Exclude<keyof BlobContainer, 'local' | 'urlOf' | 'read'>;
type Wrap = (inner: BlobContainer) => BlobContainer;

/** Stands around each call of a method. */
function around(method: Method, call: (done: () => Promise<unknown>) => Promise<unknown>): Wrap {
  return (inner) =>
    new Proxy(inner, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        if (key !== method) return value.bind(target);
        return (...given: unknown[]) => call(async () => await value.apply(target, given));
      },
    });
}

const death = (method: Method) =>
  new StationError('internal-error', 'it dies here', { detail: method });

/** The process dies at the n-th call of a method: the store has done it, nobody hears of it. */
export function dyingAt(method: Method, nth: number): Wrap {
  let calls = 0;
  return around(method, async (done) => {
    const answer = await done();
    if (++calls === nth) throw death(method);
    return answer;
  });
}

/** Commits as Azure does: what it is told of the bytes of all blocks it writes down and does not check. */
export const believing: Wrap = (inner) =>
  new Proxy(inner, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      if (key !== 'commit') return typeof value === 'function' ? value.bind(target) : value;
      return ({ md5, contentMd5 = md5, ...blob }: CommitBlob, signal: AbortSignal) =>
        target.commit({ ...blob, ...(contentMd5 === undefined ? {} : { contentMd5 }) }, signal);
    },
  });

/** The answer to the first call of a method is lost on its way: the store has done it. */
export function unheard(method: Method): Wrap {
  let calls = 0;
  return around(method, async (done) => {
    const answer = await done();
    if (++calls > 1) return answer;
    const lost = { operation: method, detail: 'the answer is lost' };
    throw new StationError('storage-unavailable', lost.detail, lost);
  });
}

/** It dies before the store is asked. */
export function dyingBefore(method: Method): Wrap {
  return around(method, async () => {
    throw death(method);
  });
}

/** Something happens right before the n-th call of a method. */
export function interrupted(method: Method, nth: number, happens: () => Promise<void>): Wrap {
  let calls = 0;
  return around(method, async (done) => {
    if (++calls === nth) await happens();
    return await done();
  });
}

/** Counts calls of a method. */
export function counting(method: Method, counted: { calls: number }): Wrap {
  return around(method, async (done) => {
    counted.calls++;
    return await done();
  });
}

import { STORAGE_ANSWERS } from '../limits.ts';

/** How long the answer to a request that was sent whole may take to begin, or to go on, in ms. */
export interface AnswerTimes {
  /** Of a blob, and of the list of its blocks or page ranges. */
  readonly readMs: number;
  /** Put Block List. */
  readonly commitMs: number;
  /** Put Block, Put Page and Put Blob. */
  readonly bodyMs: number;
  readonly otherMs: number;
}

interface Asked {
  readonly method: string;
  readonly url: string;
}

/** The time of a request of the Blob service's REST API, by its method and its `comp`. */
export function answerMsOf({ method, url }: Asked, times: AnswerTimes = STORAGE_ANSWERS): number {
  const { searchParams } = new URL(url);
  const isOfContainer = searchParams.has('restype');
  switch (`${method} ${isOfContainer ? 'container' : (searchParams.get('comp') ?? 'blob')}`) {
    case 'GET blob':
    case 'GET blocklist':
    case 'GET pagelist':
      return times.readMs;
    case 'PUT blocklist':
      return times.commitMs;
    case 'PUT blob':
    case 'PUT block':
    case 'PUT page':
      return times.bodyMs;
    default:
      return times.otherMs;
  }
}

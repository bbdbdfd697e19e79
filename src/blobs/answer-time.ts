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

/** Which time a request of the Blob service's REST API has, by its method and its `comp`. */
export function answerKindOf({ method, url }: Asked): keyof AnswerTimes {
  const { searchParams } = new URL(url);
  const isOfContainer = searchParams.has('restype');
  switch (`${method} ${isOfContainer ? 'container' : (searchParams.get('comp') ?? 'blob')}`) {
    case 'GET blob':
    case 'GET blocklist':
    case 'GET pagelist':
      return 'readMs';
    case 'PUT blocklist':
      return 'commitMs';
    case 'PUT blob':
    case 'PUT block':
    case 'PUT page':
      return 'bodyMs';
    default:
      return 'otherMs';
  }
}

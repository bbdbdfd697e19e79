import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** One request on its way through the proxy. */
export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly answer: ServerResponse;
  /** Whether it carries a block. */
  readonly isStaging: boolean;
  /** Bytes that get through in a second where the way is slow. */
  readonly bytesPerSecond: number;
  /** Sends it on to the store and its answer back. */
  forward(changes?: Changes): void;
}

/** What is done to a request and its answer on their way. */
export interface Changes {
  /** The body, piece by piece. */
  readonly body?: (body: AsyncIterable<Buffer>) => AsyncIterable<Buffer>;
  readonly headers?: (headers: OutgoingHttpHeaders) => OutgoingHttpHeaders;
  /** The answer is begun and then broken off. */
  readonly breaksAnswer?: true;
}

export interface Trouble {
  /** What is the matter, after “the store”. */
  readonly words: string;
  meet(exchange: Exchange): void;
}

const CUT_AFTER_BYTES = 1024 * 1024;
const TRICKLE_STEPS_PER_SECOND = 10;
const SKEW_MS = 20 * 60_000;

/** Everything that a store, or the way to it, does wrong, by name. */
export const TROUBLES = {
  pass: { words: 'is well', meet: ({ forward }) => forward() },
  busy: {
    words: 'asks to be left alone (503, Retry-After)',
    meet: refusing(503, 'ServerBusy', { headers: () => ({ 'retry-after': '1' }) }),
  },
  broken: {
    words: 'fails by itself (500)',
    meet: refusing(500, 'InternalError'),
  },
  forbidden: {
    words: 'refuses the credential (403)',
    meet: refusing(403, 'AuthenticationFailed', {
      detail: 'Signed expiry time has to be after now',
    }),
  },
  skewed: {
    words: 'refuses what is signed 20 minutes too early (403)',
    meet: refusing(403, 'AuthenticationFailed', {
      detail: 'Request date header too old',
      headers: () => ({ date: new Date(Date.now() + SKEW_MS).toUTCString() }),
    }),
  },
  disabled: {
    words: 'belongs to an account that is disabled (403)',
    meet: refusing(403, 'AccountIsDisabled'),
  },
  elsewhere: {
    words: 'knows nothing of what it is asked (404)',
    meet: refusing(404, 'ResourceNotFound'),
  },
  gone: {
    words: 'has no such container (404), and the credential may not make one',
    meet: (exchange) =>
      makesContainer(exchange.incoming)
        ? refusing(403, 'AuthorizationPermissionMismatch')(exchange)
        : refusing(404, 'ContainerNotFound')(exchange),
  },
  nonsense: {
    words: 'is hidden by a login page of the network',
    meet: (exchange) =>
      answerAtEnd(exchange, {
        status: 200,
        headers: { 'content-type': 'text/html' },
        body: '<html>Please log in</html>',
      }),
  },
  refuse: {
    words: 'refuses connections',
    meet: ({ incoming }) => incoming.socket.destroy(),
  },
  cut: {
    words: 'loses connections in the middle of a block',
    meet: ({ incoming, isStaging, forward }) => (isStaging ? cutWithin(incoming) : forward()),
  },
  'cut-answers': {
    words: 'breaks its answers off',
    meet: ({ forward }) => forward({ breaksAnswer: true }),
  },
  silent: {
    words: 'takes requests and never answers',
    meet: ({ incoming }) => void incoming.resume(),
  },
  trickle: {
    words: 'is at the end of a very slow line',
    meet: ({ bytesPerSecond, forward }) =>
      forward({ body: (body) => slowly(body, bytesPerSecond) }),
  },
  'wrong-digest': {
    words: 'tells another MD5 than the one it was given',
    meet: ({ incoming, forward }) =>
      forward(incoming.method === 'HEAD' ? { headers: withOtherDigest } : {}),
  },
  'wrong-length': {
    words: 'tells another length than it was given',
    meet: ({ incoming, forward }) =>
      forward(incoming.method === 'HEAD' ? { headers: withOtherLength } : {}),
  },
} as const satisfies Readonly<Record<string, Trouble>>;

export type ProxyMode = keyof typeof TROUBLES;

interface Refusing {
  readonly detail?: string;
  readonly headers?: () => OutgoingHttpHeaders;
}

/** Answers as the blob service does ("Status and error codes", Microsoft Learn). */
function refusing(status: number, code: string, { detail, headers }: Refusing = {}) {
  return (exchange: Exchange): void => {
    const why =
      detail === undefined
        ? ''
        : `<AuthenticationErrorDetail>${detail}</AuthenticationErrorDetail>`;
    const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${code}: as rehearsed.</Message>${why}</Error>`;
    const more = headers?.() ?? {};
    const known = { 'content-type': 'application/xml', 'x-ms-error-code': code, ...more };
    answerAtEnd(exchange, { status, headers: known, body });
  };
}

interface MadeUpAnswer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: string;
}

function answerAtEnd(
  { incoming, answer }: Exchange,
  { status, headers, body }: MadeUpAnswer,
): void {
  incoming.resume();
  incoming.on('end', () => {
    answer.writeHead(status, headers).end(incoming.method === 'HEAD' ? undefined : body);
  });
}

function makesContainer({ method, url }: IncomingMessage): boolean {
  const { searchParams } = new URL(url ?? '/', 'http://proxy');
  return method === 'PUT' && searchParams.get('restype') === 'container';
}

function cutWithin(incoming: IncomingMessage): void {
  let seen = 0;
  incoming.on('data', (chunk: Buffer) => {
    seen += chunk.length;
    if (seen >= CUT_AFTER_BYTES) incoming.socket.destroy();
  });
  incoming.on('end', () => incoming.socket.destroy());
}

async function* slowly(
  body: AsyncIterable<Buffer>,
  bytesPerSecond: number,
): AsyncGenerator<Buffer> {
  const step = Math.max(1, Math.floor(bytesPerSecond / TRICKLE_STEPS_PER_SECOND));
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length; at += step) {
      yield chunk.subarray(at, at + step);
      await sleep(1000 / TRICKLE_STEPS_PER_SECOND);
    }
  }
}

function withOtherDigest(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const other = Buffer.alloc(16, 0x5a).toString('base64');
  return 'content-md5' in headers ? { ...headers, 'content-md5': other } : headers;
}

function withOtherLength(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const length = Number(headers['content-length'] ?? 0);
  return length > 0 ? { ...headers, 'content-length': String(length - 1) } : headers;
}

import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { messageOf, StationError } from '../errors.ts';

/** Where the station is, and who asks it. */
export interface StationAddress {
  /** For example `http://127.0.0.1:8380`. */
  readonly url: string;
  /** Kept in the event log with whatever is changed. */
  readonly actor: string;
}

export interface StationRequest<Answer> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** From the root, for example `/api/v1/jobs`. */
  readonly path: string;
  readonly body?: unknown;
  /** What the answer must look like. */
  readonly answer: z.ZodType<Answer>;
}

/** The station answers from memory and a local database; one that takes longer hangs. */
const ANSWER_DEADLINE_MS = 30_000;
/** Before a request whose connection was lost is sent again. */
const RETRY_PAUSE_MS = 300;

const refusalBody = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/**
 * Asks a running station over HTTP, once more when the connection was lost: an action carries a key by
 * which it is not done twice. Throws `station-unreachable` when nobody answers there, and
 * `station-refused` with the station's own words when it does not do what was asked.
 */
export async function askStation<Answer>(
  address: StationAddress,
  request: StationRequest<Answer>,
): Promise<Answer> {
  const { response, text } = await exchange(address, request);
  const content = contentOf(text);
  if (!response.ok) throw refused(response, address.url, content);
  const answer = request.answer.safeParse(content);
  if (answer.success) return answer.data;
  throw unreachable(address.url, 'what answers there is not a station', answer.error);
}

interface Heard {
  readonly response: Response;
  readonly text: string;
}

async function exchange(address: StationAddress, request: StationRequest<unknown>): Promise<Heard> {
  const key = randomUUID();
  try {
    return await send(address, request, key).catch(async (error: unknown) => {
      // One that hangs is not asked to hang again.
      if (error instanceof DOMException) throw error;
      await sleep(RETRY_PAUSE_MS);
      return await send(address, request, key);
    });
  } catch (cause) {
    throw unreachable(address.url, reasonOf(cause), cause);
  }
}

async function send(
  { url, actor }: StationAddress,
  { method, path, body }: StationRequest<unknown>,
  key: string,
): Promise<Heard> {
  const response = await fetch(new URL(path, url), {
    method,
    headers: {
      'x-drive-station-actor': actor,
      ...(method === 'GET' ? {} : { 'idempotency-key': key }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(ANSWER_DEADLINE_MS),
  });
  return { response, text: await response.text() };
}

/** The JSON of an answer; `undefined` for anything else. */
function contentOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refused(response: Response, url: string, content: unknown): StationError {
  const { status } = response;
  const known = refusalBody.safeParse(content);
  const { code: refusal, message } = known.success
    ? known.data.error
    : { code: 'unknown', message: `${url} answered ${status} ${response.statusText}` };
  return new StationError('station-refused', message, { status, refusal });
}

function unreachable(url: string, detail: string, cause: unknown): StationError {
  const words = `no station answers at ${url}: ${detail}`;
  return new StationError('station-unreachable', words, { url, detail }, cause);
}

/** `fetch` says only "fetch failed"; what went wrong is in its cause. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error
    ? messageOf(error.cause)
    : messageOf(error);
}

/** Who is at the terminal, in characters that a header can carry. */
export function loginActor(): string {
  const name = loginName().replace(/[^\x21-\x7e]/gu, '_');
  return `cli:${name.slice(0, 50)}`;
}

function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    // A process can run under a number that no user has.
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}

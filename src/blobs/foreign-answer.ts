import { STATUS_CODES } from 'node:http';
import { Readable } from 'node:stream';
import { redact } from './redact.ts';

/**
 * Answers that are from no blob store: of a captive portal, a proxy, a gateway, or of whatever else lives
 * at a wrong address. What they say is for people only.
 */

/** An answer, as far as it shows who gave it. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | undefined };
  readonly request: { readonly url: string };
  readonly bodyAsText?: string | null | undefined;
  /** Of what was not read yet. */
  readonly readableStreamBody?: NodeJS.ReadableStream | undefined;
}

/** What looks like a success, and is none of a blob store's. */
export class ForeignSuccess extends Error {
  readonly answer: HttpAnswer;

  constructor(answer: HttpAnswer) {
    super('what answers is not a blob store');
    this.answer = answer;
  }
}

/**
 * A blob store numbers all its answers ("Common REST response headers", Microsoft Learn), and refuses
 * nothing with a page for people. A blob that is there may be one itself.
 */
export function isForeign({ status, headers }: HttpAnswer): boolean {
  const number = headers.get('x-ms-request-id') ?? headers.get('x-ms-error-code');
  const isPage = headers.get('content-type')?.startsWith('text/html') ?? false;
  return number === undefined || (status >= 300 && isPage);
}

/** Throws `ForeignSuccess`; what is a refusal the SDK has thrown by itself. */
export function ofStore<T extends HttpAnswer>(answer: T): T {
  if (!isForeign(answer)) return answer;
  const { readableStreamBody } = answer;
  if (readableStreamBody instanceof Readable) readableStreamBody.destroy();
  throw new ForeignSuccess(answer);
}

const MAX_READ_LENGTH = 4096;
const MAX_SAID_LENGTH = 100;

/** `407 Proxy Authentication Required from squid: “Please log in”` */
export function foreignWords({ status, headers, request, bodyAsText }: HttpAnswer): string {
  const name = STATUS_CODES[status];
  const who = brief(headers.get('server') ?? headers.get('via') ?? '');
  const location = headers.get('location');
  const elsewhere = location === undefined ? undefined : URL.parse(location, request.url)?.host;
  const said = brief(spokenIn(bodyAsText ?? ''));
  return [
    name === undefined ? status : `${status} ${name}`,
    who === '' ? '' : ` from ${who}`,
    elsewhere === undefined ? '' : `, which sends us to ${elsewhere}`,
    said === '' ? '' : `: “${said}”`,
  ].join('');
}

/** The title of a page, or else what it says first. */
function spokenIn(body: string): string {
  const read = body.slice(0, MAX_READ_LENGTH);
  const title = /<title[^>]*>([^<]+)/iu.exec(read)?.[1];
  return title ?? read.replace(/<[^>]*>/gu, '\n');
}

function brief(text: string): string {
  return redact(text.trim()).slice(0, MAX_SAID_LENGTH);
}

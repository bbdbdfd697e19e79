import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';

/** Recorded calls of real clients, to be played against this server. */

const FIXTURES = new URL('../../native-fixtures/azure-samples/', import.meta.url);

export interface Recorded {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly status: number;
  /** The answer's body, `undefined` when it was empty. */
  readonly answer: unknown;
  readonly contentType: string | undefined;
}

const headerLists = z.record(z.string(), z.array(z.string()));
const cassette = z.object({
  interactions: z.array(
    z.object({
      request: z.object({
        body: z.string().nullable(),
        headers: headerLists,
        method: z.string(),
        uri: z.url(),
      }),
      response: z.object({
        body: z.object({ string: z.string() }),
        headers: headerLists,
        status: z.object({ code: z.int() }),
      }),
    }),
  ),
});

/** A recording of azure-cli: what went to the Import/Export provider, in its order. */
export async function cliRecording(name: string): Promise<Recorded[]> {
  const text = await readFile(new URL(`arm-recordings/${name}`, FIXTURES), 'utf8');
  const { interactions } = cassette.parse(parse(text, { logLevel: 'silent' }));
  return interactions
    .map(({ request, response }) => ({
      method: request.method,
      target: targetOf(request.uri),
      headers: flat(request.headers),
      body: request.body === null ? undefined : pythonText(request.body),
      status: response.status.code,
      answer: response.body.string === '' ? undefined : JSON.parse(response.body.string),
      contentType: response.headers['content-type']?.[0],
    }))
    .filter(({ target }) => target.includes('Microsoft.ImportExport'));
}

/** This recorder wrote bytes as Python prints them, twice: `b'b\'{…}\''`. */
function pythonText(body: string): string {
  const printed = /^b(['"])([\s\S]*)\1$/u.exec(body);
  if (printed === null) return body;
  return pythonText((printed[2] ?? '').replace(/\\(['"\\])/gu, '$1'));
}

const powershell = z.record(
  z.string(),
  z.object({
    Request: z.object({
      Method: z.string(),
      RequestUri: z.url(),
      Content: z.string().nullable(),
      Headers: headerLists,
      ContentHeaders: headerLists,
    }),
    Response: z.object({
      StatusCode: z.int(),
      ContentHeaders: headerLists,
      Content: z.string().nullable(),
    }),
  }),
);

export async function powershellRecording(name: string): Promise<Recorded[]> {
  const text = await readFile(new URL(`arm-recordings/${name}`, FIXTURES), 'utf8');
  return Object.values(powershell.parse(JSON.parse(text))).map(({ Request, Response }) => ({
    method: Request.Method,
    target: targetOf(Request.RequestUri),
    headers: flat({ ...Request.Headers, ...Request.ContentHeaders }),
    body: Request.Content ?? undefined,
    status: Response.StatusCode,
    answer: Response.Content ? JSON.parse(Response.Content) : undefined,
    contentType: Response.ContentHeaders['Content-Type']?.[0],
  }));
}

const example = z.object({
  parameters: z.record(z.string(), z.unknown()),
  responses: z.record(z.string(), z.object({ body: z.unknown() })),
});

/** A published example: its body, and the answers by status. */
export async function publishedExample(name: string): Promise<z.output<typeof example>> {
  const text = await readFile(new URL(`arm-examples/${name}.json`, FIXTURES), 'utf8');
  return example.parse(JSON.parse(text));
}

function targetOf(uri: string): string {
  const url = new URL(uri);
  return `${url.pathname}${url.search}`;
}

/** Without those that belong to the connection. */
function flat(lists: Readonly<Record<string, readonly string[]>>): Record<string, string> {
  const own = new Set(['connection', 'content-length', 'accept-encoding', 'transfer-encoding']);
  const kept = Object.entries(lists).filter(([name]) => !own.has(name.toLowerCase()));
  return Object.fromEntries(kept.map(([name, values]) => [name, values.join(', ')]));
}

export interface Played {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: unknown;
}

export async function play(base: string, call: Recorded): Promise<Played> {
  const { method, headers, body } = call;
  const response = await fetch(`${base}${call.target}`, { method, headers, body: body ?? null });
  const text = await response.text();
  const parsed: unknown = text === '' ? undefined : JSON.parse(text);
  return { status: response.status, headers: response.headers, text, body: parsed };
}

/** The same value as text in which the order of members counts; without what newer answers add. */
export function shown(value: unknown): string {
  const without = (name: string, member: unknown) => (name === 'systemData' ? undefined : member);
  return JSON.stringify(value, without, 2);
}

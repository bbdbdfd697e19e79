import { z } from 'zod';
import { askStation, loginActor, type StationRequest } from '../client/http.ts';
import { jobView } from '../serve/wire.ts';
import type { StationOptions } from './station-options.ts';

/** What the commands that ask a station once and print its answer have in common. */

export interface Choices extends StationOptions {
  readonly json?: boolean;
}

/** Asks in the name of who is at the terminal. Throws as `askStation`. */
export function ask<Answer>(
  { url }: StationOptions,
  request: StationRequest<Answer>,
): Promise<Answer> {
  return askStation({ url, actor: loginActor() }, request);
}

/** The answer as JSON where that is asked for, else in words. */
export function print(choices: Choices, answer: unknown, words: () => string): void {
  const text = choices.json === true ? JSON.stringify(answer, null, 2) : words();
  process.stdout.write(`${text}\n`);
}

export const JOBS = '/api/v1/jobs';

/** The address of a job or of something of it; what is typed is no part of the path's shape. */
export function jobPath(name: string, ...rest: readonly string[]): string {
  return [JOBS, ...[name, ...rest].map(encodeURIComponent)].join('/');
}

/** A job as most routes answer it: what a later station adds is printed as JSON and not looked at. */
export const anyJob = jobView.loose();
export const done = z.object({ ok: z.literal(true) });

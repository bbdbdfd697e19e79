import { open } from 'node:fs/promises';
import type { JobDetails } from './domain/job.ts';
import { messageOf, StationError } from './errors.ts';
import { type JobFile, jobFileSchema } from './job-schema.ts';
import type { NewJob } from './ledger/contract.ts';
import { JOB_FILE_MAX_BYTES } from './limits.ts';
import { firstProblems, parseYaml, shownKey } from './yaml.ts';

/** Commas and line breaks in one file: checking unique keys takes quadratic time. */
const MAX_ENTRIES = 5000;

/**
 * Reads a job from a YAML or JSON file. Throws `job-file-unreadable`, `job-file-too-large`, or
 * `job-file-invalid` with every problem and its place. Whether the storage account is configured is
 * for the station to say.
 */
export async function readJobFile(file: string): Promise<NewJob> {
  return parseJobFile(decode(await readBounded(file), file), file);
}

export function parseJobFile(text: string, file: string): NewJob {
  refuseOdd(text, file);
  const answer = parseYaml(text, file, jobFileSchema);
  if (!answer.ok) throw invalid(file, answer.problems);
  return newJobOf(answer.value);
}

/** The same for a value that came as JSON, for example as the body of a request. */
export function parseJobObject(value: unknown, where: string): NewJob {
  const answer = jobFileSchema.safeParse(value);
  if (answer.success) return newJobOf(answer.data);
  const problems = answer.error.issues.flatMap((issue) => {
    const unknownKeys = issue.code === 'unrecognized_keys' ? issue.keys : undefined;
    const paths = unknownKeys?.map((key) => [...issue.path, shownKey(key)]) ?? [issue.path];
    const words = unknownKeys === undefined ? issue.message : 'unknown key';
    return paths.map((path) => `${[where, ...path].map(String).join('.')}: ${words}`);
  });
  throw invalid(where, problems);
}

function newJobOf(file: JobFile): NewJob {
  const { name, driveList, ...rest } = file;
  const details: JobDetails = rest;
  const shipped = details.deliveryPackage !== undefined;
  return { name, details, drives: driveList.map((entry) => entry.driveId), shipped };
}

async function readBounded(file: string): Promise<Buffer> {
  try {
    await using handle = await open(file, 'r');
    const info = await handle.stat();
    if (!info.isFile())
      throw new StationError('job-file-unreadable', `${file} is no file`, { file });
    if (info.size > JOB_FILE_MAX_BYTES) throw tooLarge(file, info.size);
    // It can grow between the two: never more than the bound is read.
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(JOB_FILE_MAX_BYTES + 1));
    if (bytesRead > JOB_FILE_MAX_BYTES) throw tooLarge(file, bytesRead);
    return buffer.subarray(0, bytesRead);
  } catch (cause) {
    if (cause instanceof StationError) throw cause;
    const words = `cannot read ${file}: ${messageOf(cause)}`;
    throw new StationError('job-file-unreadable', words, { file }, cause);
  }
}

function tooLarge(file: string, sizeBytes: number): StationError {
  const words = `${file} has ${sizeBytes} bytes; a job file has at most ${JOB_FILE_MAX_BYTES}`;
  const payload = { file, sizeBytes, maxBytes: JOB_FILE_MAX_BYTES };
  return new StationError('job-file-too-large', words, payload);
}

function decode(bytes: Buffer, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw invalid(file, [`${file}:1:1: is no UTF-8 text; save it as UTF-8`], cause);
  }
}

function refuseOdd(text: string, file: string): void {
  const odd = /(?![\t\n\r])\p{Cc}/u.exec(text);
  if (odd !== null) {
    const before = text.slice(0, odd.index).split('\n');
    const column = (before.at(-1)?.length ?? 0) + 1;
    const code = odd[0].charCodeAt(0).toString(16).padStart(2, '0');
    const words = `contains the control character 0x${code}; this is no text file`;
    throw invalid(file, [`${file}:${before.length}:${column}: ${words}`]);
  }
  const entries = text.match(/[,\n]/gu)?.length ?? 0;
  if (entries > MAX_ENTRIES) {
    const words = `has ${entries} lines and list entries; a job has far less than ${MAX_ENTRIES}`;
    throw invalid(file, [`${file}:1:1: ${words}`]);
  }
  if (text.replace(/^\ufeff/u, '').trim() === '') {
    throw invalid(file, [`${file}:1:1: is empty; config/examples has jobs to start from`]);
  }
}

function invalid(file: string, found: readonly string[], cause?: unknown): StationError {
  const problems = firstProblems(found);
  return new StationError('job-file-invalid', problems.join('\n'), { file, problems }, cause);
}

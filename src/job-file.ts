import { open } from 'node:fs/promises';
import type { z } from 'zod';
import { ownStorageOf, type StorageCredential } from './domain/job-storage.ts';
import { messageOf, StationError } from './errors.ts';
import { type JobFile, jobFileSchema, returnAddress } from './job-schema.ts';
import {
  accountOf,
  credentialIn,
  expiryProblem,
  type JobStorage,
  jobStorageSchema,
} from './job-storage.ts';
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
export async function readJobFile(file: string, now = new Date()): Promise<NewJob> {
  return newJobOf(await readJobContent(file, now));
}

/** As `readJobFile`, in the words of the file: what the station's API takes. */
export async function readJobContent(file: string, now = new Date()): Promise<JobFile> {
  return fromText(decode(await readBounded(file), file), file, jobSchemaAt(now));
}

export function parseJobFile(text: string, file: string, now = new Date()): NewJob {
  return newJobOf(fromText(text, file, jobSchemaAt(now)));
}

/** The same for a value that came as JSON, for example as the body of a request. */
export function parseJobObject(value: unknown, where: string, now = new Date()): NewJob {
  return newJobOf(fromObject(value, where, jobSchemaAt(now)));
}

/**
 * Reads the storage of a job alone, for the renewal of a credential; `-` is the standard input. Throws
 * as `readJobFile` does.
 */
export async function readStorageFile(file: string, now = new Date()): Promise<JobStorage> {
  const isPiped = file === '-';
  const name = isPiped ? 'standard input' : file;
  const bytes = isPiped ? await readStandardInput(name) : await readBounded(file);
  return fromText(decode(bytes, name), name, storageSchemaAt(now));
}

/** The same for the body of a request. */
export function parseStorageObject(
  value: unknown,
  where: string,
  now = new Date(),
): StorageCredential {
  return credentialIn(fromObject(value, where, storageSchemaAt(now)));
}

/** Reads a return address alone, for a job whose customer gave it late. Throws as `readJobFile` does. */
export async function readAddressFile(file: string): Promise<z.output<typeof returnAddress>> {
  return fromText(decode(await readBounded(file), file), file, returnAddress);
}

function jobSchemaAt(now: Date) {
  return jobFileSchema.superRefine(({ storage }, context) => {
    const problem = storage && expiryProblem(storage, now);
    if (problem === undefined) return;
    context.addIssue({ ...problem, code: 'custom', path: ['storage', problem.path] });
  });
}

function storageSchemaAt(now: Date) {
  return jobStorageSchema.superRefine((storage, context) => {
    const problem = expiryProblem(storage, now);
    if (problem !== undefined) {
      context.addIssue({ ...problem, code: 'custom', path: [problem.path] });
    }
  });
}

function fromText<T>(text: string, file: string, schema: z.ZodType<T>): T {
  refuseOdd(text, file);
  const answer = parseYaml(text, file, schema);
  if (!answer.ok) throw invalid(file, answer.problems);
  return answer.value;
}

function fromObject<T>(value: unknown, where: string, schema: z.ZodType<T>): T {
  const answer = schema.safeParse(value);
  if (answer.success) return answer.data;
  const problems = answer.error.issues.flatMap((issue) => {
    const unknownKeys = issue.code === 'unrecognized_keys' ? issue.keys : undefined;
    const paths = unknownKeys?.map((key) => [...issue.path, shownKey(key)]) ?? [issue.path];
    const words = unknownKeys === undefined ? issue.message : 'unknown key';
    return paths.map((path) => `${[where, ...path].map(String).join('.')}: ${words}`);
  });
  throw invalid(where, problems);
}

/** Splits the credential off: from here on details hold only what may be shown. */
function newJobOf({ name, driveList, storage, storageAccount = '', ...rest }: JobFile): NewJob {
  const drives = driveList.map((entry) => entry.driveId);
  const shipped = rest.deliveryPackage !== undefined;
  const told = driveList.filter((entry) => Object.keys(entry).length > 1);
  const list = { drives, shipped, ...(told.length === 0 ? {} : { driveList: told }) };
  if (storage === undefined) return { name, details: { ...rest, storageAccount }, ...list };
  const credential = credentialIn(storage);
  const place = { storageAccount: accountOf(credential), ownStorage: ownStorageOf(credential) };
  return { name, details: { ...rest, ...place }, ...list, credential };
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

async function readStandardInput(name: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of process.stdin) {
    chunks.push(Buffer.from(chunk));
    sizeBytes += chunks.at(-1)?.length ?? 0;
    if (sizeBytes > JOB_FILE_MAX_BYTES) throw tooLarge(name, sizeBytes);
  }
  return Buffer.concat(chunks);
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

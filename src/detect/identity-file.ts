import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { errnoOf, StationError } from '../errors.ts';
import { firstProblems, parseYaml } from '../yaml.ts';

/**
 * The identity file beside a loopback image: what a real disk would say of itself, and the faults
 * that a rehearsal wants it to have. `bay-1.img` has `bay-1.disk.yaml`. Faults are carried out by
 * whoever attaches the image; the detector only reads the identity.
 */

const IMAGE_SUFFIX = '.img';
const IDENTITY_SUFFIX = '.disk.yaml';
/** One page of text; a larger file was put there by mistake. */
const MAX_FILE_CHARACTERS = 64 * 1024;
const MAX_FAULTS = 64;
/** Longer hangs would keep every other program that opens the disk waiting. */
const MAX_HANG_SECONDS = 60;
const MAX_DELAY_MS = 60_000;
/** The largest errno of Linux. */
const MAX_ERRNO = 133;

const text = (maxLength: number) =>
  z.string('must be text; put quotes around a number').max(maxLength);

const range = {
  offsetBytes: z.int().min(0),
  lengthBytes: z.int().min(1),
};

const faultSchema = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: z.literal('read-error'),
      ...range,
      errno: z.int().min(1).max(MAX_ERRNO),
      times: z.int().min(1).optional(),
    })
    .describe('Reads fail with the errno; with `times` only so often: a weak sector.'),
  z
    .strictObject({
      kind: z.literal('delay'),
      ...range,
      delayMs: z.int().min(0).max(MAX_DELAY_MS),
    })
    .describe('Each read waits first; a delay of 0 only counts the reads.'),
  z
    .strictObject({
      kind: z.literal('hang'),
      ...range,
      maxSeconds: z.int().min(1).max(MAX_HANG_SECONDS),
    })
    .describe('A read waits until it is released, at the latest after this time.'),
  z
    .strictObject({ kind: z.literal('corrupt'), ...range })
    .describe('Reads give inverted bytes and no error.'),
]);

const identityFileSchema = z.strictObject({
  serial: text(300).optional().describe('As the disk would print it, blanks and case included.'),
  model: text(100).optional(),
  vendor: text(100).optional(),
  wwn: text(100).optional().describe('In the kernel’s spelling, for example naa.5000c500a1b2c3d4.'),
  bay: text(40).min(1).optional().describe('Where the disk is plugged in.'),
  faults: z.array(faultSchema).max(MAX_FAULTS).optional(),
});

export type DiskIdentityFile = z.output<typeof identityFileSchema>;
export type DiskFault = z.output<typeof faultSchema>;

/** `X.img` has its identity in `X.disk.yaml`; another name has the suffix added. */
export function identityFileOf(imagePath: string): string {
  const stem = imagePath.endsWith(IMAGE_SUFFIX)
    ? imagePath.slice(0, -IMAGE_SUFFIX.length)
    : imagePath;
  return `${stem}${IDENTITY_SUFFIX}`;
}

/**
 * Reads the identity beside an image. An image without such a file is a disk that says nothing of
 * itself: `{}`. Throws `identity-file-invalid`, which names each problem with its place in the file.
 */
export async function readIdentityFile(imagePath: string): Promise<DiskIdentityFile> {
  const file = identityFileOf(imagePath);
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return {};
    throw invalid(file, [`${file}: cannot be read`], cause);
  }
  return parseIdentityFile(content, file);
}

/** Parses the text of an identity file; `file` is its name for messages. */
export function parseIdentityFile(content: string, file: string): DiskIdentityFile {
  if (content.length > MAX_FILE_CHARACTERS) {
    throw invalid(file, [`${file}: longer than ${MAX_FILE_CHARACTERS} characters`]);
  }
  const answer = parseYaml(content, file, identityFileSchema);
  if (answer.ok) return answer.value;
  throw invalid(file, firstProblems(answer.problems));
}

function invalid(file: string, problems: readonly string[], cause?: unknown) {
  return new StationError('identity-file-invalid', problems.join('; '), { file, problems }, cause);
}

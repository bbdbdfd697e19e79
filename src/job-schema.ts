import { z } from 'zod';
import { CONTAINER_NAME_LENGTH, CONTAINER_NAME_LETTERS } from './domain/container-name.ts';
import {
  type DriveId,
  JOB_NAME,
  type JobName,
  type PlanRequest,
  plannedContainer,
} from './domain/job.ts';
import { MAX_SERIAL_LENGTH, normaliseSerial } from './domain/serial.ts';
import { credentialIn, type JobStorage, jobStorageSchema } from './job-storage.ts';
import { MAX_DRIVES_PER_JOB, WINDOWS_PATH_MAX } from './limits.ts';

/**
 * What a job file may say, key by key. Names are those of the Azure Import/Export job body where it
 * has them; `storageAccount`, `storage`, `plan` and the bare `driveList` are the station's own.
 */

/** Fields of a parcel or an address; longer ones fit on no label. */
const MAX_TEXT_LENGTH = 256;
const MAX_PREFIX_LENGTH = 512;
const NIL_SUBSCRIPTION = '00000000-0000-0000-0000-000000000000';

/** Says what to do when a value is missing, or when YAML read a number where text is meant. */
const textOrWhy = z.string({
  error: ({ input }) => {
    if (input === undefined) return 'is missing';
    if (typeof input === 'number') return 'must be text; put it in quotes, or YAML reads a number';
    return 'must be text';
  },
});
const label = textOrWhy
  .min(1, 'must not be empty')
  .max(MAX_TEXT_LENGTH, `must not be longer than ${MAX_TEXT_LENGTH} characters`)
  .regex(/^\P{Cc}*$/u, 'must not contain control characters');

const jobName = textOrWhy
  .regex(JOB_NAME, 'must be 2-64 letters, digits, "-" and "_", beginning with a letter or digit')
  .pipe(z.custom<JobName>());

const jobType = z.literal('Import', {
  error: ({ input }) =>
    input === 'Export'
      ? 'Export is not offered yet; this station takes Import jobs only'
      : 'must be Import',
});

/** Azure's rules for container names. */
const container = textOrWhy
  .min(CONTAINER_NAME_LENGTH.min, 'must have 3-63 characters')
  .max(CONTAINER_NAME_LENGTH.max, 'must have 3-63 characters')
  .regex(
    CONTAINER_NAME_LETTERS,
    'must be lower-case letters, digits and single hyphens between them',
  );

const blobPrefix = textOrWhy
  .max(MAX_PREFIX_LENGTH, `must not be longer than ${MAX_PREFIX_LENGTH} characters`)
  .regex(/^[^\p{Cc}\\]*$/u, 'must not contain control characters or "\\"')
  .refine(isPrefix, {
    message: 'must end with "/", and have no empty part and none of dots alone',
  });

function isPrefix(prefix: string): boolean {
  if (prefix === '') return true;
  const parts = prefix.split('/');
  return parts.pop() === '' && parts.every((part) => !/^\.*$/u.test(part));
}

const driveId = textOrWhy
  .max(MAX_SERIAL_LENGTH, `must not be longer than ${MAX_SERIAL_LENGTH} characters`)
  .regex(/^[\x21-\x7e]+$/u, 'must be the serial number without blanks')
  .pipe(z.custom<DriveId>());

/** What the customer's tool wrote of a drive when it was prepared. */
const listedDrive = z.strictObject(
  {
    driveId,
    bitLockerKey: textOrWhy
      .min(1, 'must not be empty')
      .max(MAX_TEXT_LENGTH, `must not be longer than ${MAX_TEXT_LENGTH} characters`)
      .exactOptional(),
    manifestFile: textOrWhy
      .min(1, 'must not be empty')
      .max(WINDOWS_PATH_MAX, `must not be longer than ${WINDOWS_PATH_MAX} characters`)
      .exactOptional(),
    manifestHash: textOrWhy
      .regex(
        /^(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{64})$/u,
        'must be the MD5 or SHA-256 of the manifest: 32 or 64 hex digits',
      )
      .exactOptional(),
  },
  { error: 'must be a map with the key driveId' },
);

const driveList = z
  .array(listedDrive, {
    error: ({ input }) => (input === undefined ? 'is missing' : 'must be a list of drives'),
  })
  .min(1, 'must name at least one drive')
  .max(MAX_DRIVES_PER_JOB, `must not name more than ${MAX_DRIVES_PER_JOB} drives; split the job`)
  .superRefine((drives, context) => {
    const seen = new Map<string, number>();
    for (const [index, entry] of drives.entries()) {
      const serial = normaliseSerial(entry.driveId) ?? entry.driveId;
      const first = seen.get(serial);
      if (first === undefined) seen.set(serial, index + 1);
      else {
        const message = `serial ${entry.driveId} is in the list twice (also as drive ${first})`;
        context.addIssue({ code: 'custom', path: [index, 'driveId'], message });
      }
    }
  });

const deliveryPackage = z.strictObject({
  carrierName: label,
  trackingNumber: label,
  driveCount: z
    .int('must be a whole number')
    .min(1, 'must be 1 or more')
    .max(MAX_DRIVES_PER_JOB, `must not be more than ${MAX_DRIVES_PER_JOB}`)
    .exactOptional(),
  shipDate: label.exactOptional(),
});

export const returnAddress = z.strictObject({
  recipientName: label,
  streetAddress1: label,
  streetAddress2: label.exactOptional(),
  city: label,
  stateOrProvince: label.exactOptional(),
  postalCode: label,
  countryOrRegion: label,
  phone: label,
  email: label,
});

const returnShipping = z.strictObject({ carrierName: label, carrierAccountNumber: label });

const destination = { container, blobPrefix: blobPrefix.default('') };
const plan = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({ kind: z.literal('image'), ...destination }),
    z.strictObject({ kind: z.literal('tree'), ...destination }),
    z.strictObject({ kind: z.literal('manifest') }),
  ],
  { error: planProblem },
);

function planProblem({ input }: { readonly input?: unknown }): string {
  if (input === undefined) return 'is missing';
  const isMap = typeof input === 'object' && input !== null && !Array.isArray(input);
  return isMap ? 'must be image, manifest or tree' : 'must be a map';
}

export const jobFileSchema = z
  .strictObject(
    {
      name: jobName,
      jobType,
      /** The name of a configured account; else the job brings its own `storage`. */
      storageAccount: textOrWhy
        .regex(
          /^[a-z0-9-]{1,63}$/u,
          'must be the name of a configured storage account (lower-case letters, digits, hyphens)',
        )
        .exactOptional(),
      storage: jobStorageSchema.exactOptional(),
      subscriptionId: textOrWhy
        .regex(
          /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/iu,
          'must be a subscription id (UUID)',
        )
        .default(NIL_SUBSCRIPTION),
      resourceGroup: textOrWhy
        .regex(/^[A-Za-z0-9._()-]{0,89}[A-Za-z0-9_()-]$/u, 'must be the name of a resource group')
        .default('drive-station'),
      location: label.default('local'),
      /** The value that all published samples have. */
      diagnosticsPath: label.default('waimportexport'),
      logLevel: z
        .enum(['Error', 'Verbose'], { error: 'must be Error or Verbose' })
        .default('Error'),
      backupDriveManifest: z.boolean({ error: 'must be true or false' }).default(false),
      returnAddress: returnAddress.exactOptional(),
      returnShipping: returnShipping.exactOptional(),
      deliveryPackage: deliveryPackage.exactOptional(),
      tags: z
        .record(label, textOrWhy.max(256, 'must not be longer than 256 characters'))
        .exactOptional(),
      plan,
      driveList,
    },
    { error: 'must be a map of keys such as name, storageAccount, plan and driveList' },
  )
  .superRefine(oneDestination)
  .superRefine(namedManifests);

interface Prepared {
  readonly plan: PlanRequest;
  readonly driveList: readonly { readonly manifestFile?: string; readonly manifestHash?: string }[];
}

/** A drive is copied by its manifest only when the job says where that is and what its bytes are. */
function namedManifests(
  { plan: planned, driveList: drives }: Prepared,
  context: z.core.$RefinementCtx,
) {
  if (planned.kind !== 'manifest') return;
  for (const [index, drive] of drives.entries()) {
    for (const key of ['manifestFile', 'manifestHash'] as const) {
      if (drive[key] !== undefined) continue;
      const message = 'is missing; with the plan manifest each drive has one';
      context.addIssue({ code: 'custom', path: ['driveList', index, key], message });
    }
  }
}

interface Destination {
  readonly storageAccount?: string;
  readonly storage?: JobStorage;
  readonly plan: PlanRequest;
}

/** Exactly one place for the blobs, and with the SAS of one container all of them in it. */
function oneDestination(job: Destination, context: z.core.$RefinementCtx): void {
  const { storageAccount, storage, plan: planned } = job;
  const complain = (path: string[], message: string) =>
    context.addIssue({ code: 'custom', path, message, continue: false });
  if (storage === undefined) {
    if (storageAccount !== undefined) return;
    complain(['storageAccount'], 'is missing; name a configured account, or give the job storage');
    return;
  }
  if (storageAccount !== undefined) {
    complain(['storage'], 'must not stand beside storageAccount; give one of the two');
    return;
  }
  const credential = credentialIn(storage);
  const wanted = plannedContainer(planned);
  if (credential.kind !== 'container-sas' || wanted === undefined) return;
  if (credential.container === wanted) return;
  const words = `must be ${credential.container}: the SAS of the job is for that container alone`;
  complain(['plan', 'container'], words);
}

export type JobFile = z.output<typeof jobFileSchema>;

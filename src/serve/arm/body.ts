import { z } from 'zod';
import type { DriveId } from '../../domain/job.ts';
import { MAX_SERIAL_LENGTH, normaliseSerial } from '../../domain/serial.ts';
import { MAX_DRIVES_PER_JOB } from '../../limits.ts';

/**
 * The bodies of `Jobs_Create` and `Jobs_Update`. What they do not name is dropped: the service sets it
 * (`shippingInformation`, `percentComplete`, `state` in a PUT …), or it is of a later version. Order of
 * the members is the order in which they are given back.
 */

const MAX_TEXT = 1024;
const MAX_BLOB_LIST = 10_000;
/** Published for `blobPath` and `blobPathPrefix` together: 32 KB inline. */
const MAX_BLOB_LIST_LENGTH = 32 * 1024;

const text = z
  .string()
  .max(MAX_TEXT, `is longer than ${MAX_TEXT} characters`)
  .regex(/^\P{Cc}*$/u, {
    error: 'contains control characters',
  });
const required = text.min(1, 'is empty');

const returnAddress = z.object({
  recipientName: required,
  streetAddress1: required,
  // The service gives it back empty where it was not sent.
  streetAddress2: text.default(''),
  city: required,
  stateOrProvince: text.exactOptional(),
  postalCode: required,
  countryOrRegion: required,
  phone: required,
  email: required,
});

const returnShipping = z.object({ carrierName: required, carrierAccountNumber: required });

const deliveryPackage = z.object({
  carrierName: required,
  trackingNumber: required,
  // 0 is what clients send that do not count.
  driveCount: z.int().min(0).max(MAX_DRIVES_PER_JOB).exactOptional(),
  shipDate: text.exactOptional(),
});

const logLevel = z.enum(['Error', 'Verbose']);

const driveId = z
  .string()
  .max(MAX_SERIAL_LENGTH, `is longer than ${MAX_SERIAL_LENGTH} characters`)
  .regex(/^[\x21-\x7e]+$/u, 'must be the serial number without blanks')
  .pipe(z.custom<DriveId>());

const drive = z.object({
  driveId,
  bitLockerKey: required.max(256).exactOptional(),
  manifestFile: text.exactOptional(),
  manifestHash: text.exactOptional(),
  driveHeaderHash: text.exactOptional(),
});

const driveList = z
  .array(drive)
  .max(MAX_DRIVES_PER_JOB, `names more than ${MAX_DRIVES_PER_JOB} drives; split the job`)
  .superRefine((drives, context) => {
    const seen = new Set<string>();
    for (const [index, { driveId: id }] of drives.entries()) {
      const serial = normaliseSerial(id) ?? id;
      if (seen.has(serial)) {
        const message = `${id} is in the list twice`;
        context.addIssue({ code: 'custom', path: [index, 'driveId'], message });
      }
      seen.add(serial);
    }
  });

const blobPaths = z.array(text).max(MAX_BLOB_LIST);

const blobs = z
  .object({
    blobList: z
      .object({ blobPath: blobPaths.exactOptional(), blobPathPrefix: blobPaths.exactOptional() })
      .refine(({ blobPath = [], blobPathPrefix = [] }) => {
        const length = [...blobPath, ...blobPathPrefix].join('').length;
        return length <= MAX_BLOB_LIST_LENGTH;
      }, `is longer than ${MAX_BLOB_LIST_LENGTH} characters; use blobListBlobPath`)
      .exactOptional(),
    blobListBlobPath: required.exactOptional(),
    // The spelling of the first edition of 2016-11-01.
    blobListblobPath: required.exactOptional(),
  })
  .refine(
    (value) =>
      value.blobList !== undefined ||
      value.blobListBlobPath !== undefined ||
      value.blobListblobPath !== undefined,
    'names neither blobList nor blobListBlobPath',
  )
  .transform(({ blobListblobPath, ...rest }) =>
    blobListblobPath === undefined ? rest : { blobListBlobPath: blobListblobPath, ...rest },
  );

const encryptionKey = z.object({
  kekType: z.enum(['MicrosoftManaged', 'CustomerManaged']).default('MicrosoftManaged'),
  kekUrl: text.exactOptional(),
  kekVaultResourceID: text.exactOptional(),
});

const tags = z.record(required, text).refine((value) => Object.keys(value).length <= 50, {
  error: 'has more than 50 tags',
});

/** Of Azure Storage or of its classic predecessor; both are in published examples. */
const STORAGE_ACCOUNT =
  /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.(?:Classic)?Storage\/storageAccounts\/([^/]+)$/iu;

const storageAccountId = required.regex(STORAGE_ACCOUNT, 'is no resource id of a storage account');

/** The name at the end of a storage account's resource id. */
export function accountName(resourceId: string): string {
  return STORAGE_ACCOUNT.exec(resourceId)?.[1]?.toLowerCase() ?? '';
}

const details = z
  .object({
    storageAccountId,
    jobType: z.enum(['Import', 'Export']),
    returnAddress: returnAddress.exactOptional(),
    returnShipping: returnShipping.exactOptional(),
    deliveryPackage: deliveryPackage.exactOptional(),
    /** The value that all published samples have. */
    diagnosticsPath: required.default('waimportexport'),
    logLevel: logLevel.default('Error'),
    backupDriveManifest: z.boolean().default(false),
    cancelRequested: z.boolean().default(false),
    driveList: driveList.exactOptional(),
    export: blobs.exactOptional(),
    encryptionKey: encryptionKey.exactOptional(),
  })
  .superRefine((value, context) => {
    const issue = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    const drives = value.driveList?.length ?? 0;
    if (value.jobType === 'Import') {
      if (drives === 0) issue('driveList', 'is missing');
      if (value.export !== undefined) issue('export', 'belongs to export jobs only');
    } else {
      if (value.export === undefined) issue('export', 'is missing');
      if (drives > 0)
        issue('driveList', 'the drives of an export job are not the customer’s to list');
    }
  });

export const putBody = z.object({
  location: required,
  tags: tags.exactOptional(),
  identity: z
    .object({ type: z.enum(['None', 'SystemAssigned', 'UserAssigned']).default('None') })
    .exactOptional(),
  properties: details,
});
export type PutBody = z.output<typeof putBody>;

export const patchBody = z.object({
  tags: tags.exactOptional(),
  properties: z
    .object({
      cancelRequested: z
        .literal(true, { error: 'can only be true: a cancellation cannot be taken back' })
        .exactOptional(),
      // Published examples send it empty where nothing is to change.
      state: z.enum(['Shipping', ''], { error: 'can only be set to Shipping' }).exactOptional(),
      returnAddress: returnAddress.exactOptional(),
      returnShipping: returnShipping.exactOptional(),
      deliveryPackage: deliveryPackage.exactOptional(),
      logLevel: logLevel.exactOptional(),
      backupDriveManifest: z.boolean().exactOptional(),
      driveList: driveList
        .refine((drives) => drives.length > 0, { error: 'names no drive' })
        .exactOptional(),
    })
    .default({}),
});
export type PatchBody = z.output<typeof patchBody>;

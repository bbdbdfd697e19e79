import type { JobDetails } from '../../domain/job.ts';
import type { JobUpdate } from '../../domain/job-update.ts';
import type { NewJob } from '../../ledger/contract.ts';
import type { NamedJob } from './address.ts';
import { accountName, type PatchBody, type PutBody } from './body.ts';

/** The container that takes the images of jobs which say nothing of where they go. */
const DEFAULT_CONTAINER = 'drive-images';

/**
 * A job as the ledger takes it. The public body knows no plan: a drive that it gives a manifest and
 * its hash is a prepared one (`planOfDrive`). Any other becomes one raw image in the container
 * `drive-images`, under `<resource group>/<job name>/` in lower case, so that two jobs never write to
 * one name.
 */
export function newJobOf(address: NamedJob, body: PutBody): NewJob {
  const { subscriptionId, resourceGroup, name } = address;
  const { storageAccountId, driveList = [], cancelRequested, ...rest } = body.properties;
  const details: JobDetails = {
    ...rest,
    storageAccount: accountName(storageAccountId),
    storageAccountId,
    subscriptionId,
    resourceGroup,
    location: body.location,
    ...(body.tags === undefined ? {} : { tags: body.tags }),
    ...(body.identity === undefined ? {} : { identityType: body.identity.type }),
    plan: {
      kind: 'image',
      container: DEFAULT_CONTAINER,
      blobPrefix: `${resourceGroup}/${name}/`.toLowerCase(),
    },
  };
  const drives = driveList.map(({ driveId }) => driveId);
  return { name, details, drives, driveList, shipped: false, cancelRequested };
}

export function updateOf({ tags, properties }: PatchBody): JobUpdate {
  const { state, ...changes } = properties;
  return {
    ...changes,
    ...(tags === undefined ? {} : { tags }),
    ...(state === 'Shipping' ? { ship: true as const } : {}),
  };
}

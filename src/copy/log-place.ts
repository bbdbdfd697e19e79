import { plannedContainer } from '../domain/job.ts';
import type { Assignment } from './messages.ts';

/** Where a drive's logs go. */
export interface LogPlace {
  readonly container: string;
  /** Put before the names of the logs; empty, or ending with a slash. */
  readonly prefix: string;
}

/** The service's own default for `diagnosticsPath`. */
const DEFAULT_PATH = 'waimportexport';

/**
 * The place that the job's `diagnosticsPath` names, by how the station gets into the account
 * ("Import/Export service log file format", Microsoft Learn):
 *
 * | credential | place |
 * |---|---|
 * | account key, Entra identity (`default-credential`), a directory | the container of that name |
 * | SAS, also one in a connection string | the virtual directory of that name in the container of the job's blobs: a SAS may be for that container alone |
 *
 * `blobsIn` is that container where the plan does not say it. No path is `waimportexport`. What follows a
 * slash in it is a virtual directory below the rest.
 */
export function logPlace(
  { storage, plan, logs }: Pick<Assignment, 'storage' | 'plan' | 'logs'>,
  blobsIn: string | undefined = plannedContainer(plan),
): LogPlace {
  const given = logs.path.split('/').filter((segment) => segment !== '');
  const segments = given.length === 0 ? [DEFAULT_PATH] : given;
  const own = storage.kind === 'container-sas' ? storage.container : blobsIn;
  if (isForOneContainer(storage) && own !== undefined) {
    return { container: own, prefix: `${segments.join('/')}/` };
  }
  const [container = DEFAULT_PATH, ...below] = segments;
  return { container, prefix: below.map((segment) => `${segment}/`).join('') };
}

function isForOneContainer(storage: Assignment['storage']): boolean {
  switch (storage.kind) {
    case 'sas':
    case 'container-sas':
      return true;
    case 'connection-string':
      return /(?:^|;)\s*SharedAccessSignature=/iu.test(storage.connectionString);
    case 'account-key':
    case 'default-credential':
    case 'directory':
      return false;
  }
}

import { z } from 'zod';
import { isContainerName } from './domain/container-name.ts';
import type { StorageCredential } from './domain/job-storage.ts';

/**
 * The storage that a job brings, as its file says it: the address of the account with its key or a SAS,
 * or the URL of one container with its SAS. No message repeats what it complains about: that may be
 * the secret.
 */

/** Published for import: a credential reads, writes and deletes. */
const IMPORT_PERMISSIONS = { r: 'read', w: 'write', d: 'delete' } as const;
/** The oldest version of signatures that the Import/Export service takes. */
const FIRST_VERSION = '2014-02-14';
const MAX_SECRET_LENGTH = 4096;

const secret = z
  .string({ error: 'must be text' })
  .max(MAX_SECRET_LENGTH, `must not be longer than ${MAX_SECRET_LENGTH} characters`)
  .regex(/^[\x21-\x7e]*$/u, 'must be one line without blanks');

const blobEndpoint = secret.superRefine((value, context) => {
  const url = addressIn(value, context);
  if (url === undefined) return;
  if (url.search !== '') {
    context.addIssue('must not have a query; a SAS stands in sasToken, or in containerUrl');
  }
  if (segmentsOf(url).length > (hasAccountInPath(url) ? 1 : 0)) {
    context.addIssue('must be the address of the account, without a container');
  }
});

const accountKey = secret.regex(
  /^[A-Za-z0-9+/]{86}==$/u,
  'must be an account key as the portal shows it: 64 bytes in Base64',
);

const accountName = z
  .string({ error: 'must be text' })
  .regex(/^[a-z0-9]{3,24}$/u, 'must be the name of a storage account (3-24 letters and digits)');

const sasToken = secret.superRefine((value, context) => {
  if (/^https?:/iu.test(value)) {
    context.addIssue('must be the token alone; a URL with a SAS stands in containerUrl');
    return;
  }
  const query = new URLSearchParams(value);
  complainOf(query, context);
  if (!query.get('ss')?.includes('b') || !query.get('srt')?.includes('o')) {
    context.addIssue(
      'must be a SAS of the account, for blobs and objects (ss=b, srt=co); that of one container stands in containerUrl',
    );
  }
});

const containerUrl = secret.superRefine((value, context) => {
  const url = addressIn(value, context);
  if (url === undefined) return;
  const { container, above } = containerIn(url);
  if (above.length !== (hasAccountInPath(url) ? 1 : 0) || !isContainerName(container)) {
    context.addIssue('must be the URL of a container, such as https://ACCOUNT.blob…/CONTAINER?SAS');
  }
  if (url.searchParams.get('sr') !== 'c') {
    context.addIssue('must have the SAS of this container in it (sr=c)');
    return;
  }
  complainOf(url.searchParams, context);
});

/** What stands under `storage` in a job file, and is the body of a renewal. */
export const jobStorageSchema = z
  .strictObject(
    {
      blobEndpoint: blobEndpoint.exactOptional(),
      /** Only where the address does not have it. */
      accountName: accountName.exactOptional(),
      accountKey: accountKey.exactOptional(),
      sasToken: sasToken.exactOptional(),
      containerUrl: containerUrl.exactOptional(),
    },
    { error: 'must be a map with blobEndpoint and accountKey or sasToken, or with containerUrl' },
  )
  .superRefine((storage, context) => {
    const [first, second] = WAYS.filter((way) => storage[way] !== undefined);
    // Nothing is checked further: what else is said of a storage takes one that is whole.
    const complain = (key: keyof typeof storage, message: string) =>
      context.addIssue({ code: 'custom', path: [key], message, continue: false });
    if (first === undefined) {
      context.addIssue('must have accountKey, sasToken or containerUrl');
    } else if (second !== undefined) {
      complain(second, `must not stand beside ${first}; give one way into the account`);
    } else if (first === 'containerUrl') {
      if (storage.blobEndpoint !== undefined)
        complain('blobEndpoint', 'is in containerUrl already');
    } else if (storage.blobEndpoint === undefined) {
      complain('blobEndpoint', 'is missing; it is the address of the account');
    } else if (first === 'accountKey' && storageName(storage) === undefined) {
      complain('accountName', 'is missing; the address does not have it');
    }
  });

const WAYS = ['accountKey', 'sasToken', 'containerUrl'] as const;

export type JobStorage = z.output<typeof jobStorageSchema>;

/** The credential in a form of its own, with addresses in one spelling. */
export function credentialIn(storage: JobStorage): StorageCredential {
  if (storage.containerUrl !== undefined) {
    const url = new URL(storage.containerUrl);
    const { container, above } = containerIn(url);
    const endpoint = [url.origin, ...above].join('/');
    return {
      kind: 'container-sas',
      blobEndpoint: endpoint,
      container,
      sasToken: url.search.slice(1),
    };
  }
  const endpoint = endpointOf(storage);
  if (storage.sasToken !== undefined) {
    const token = storage.sasToken.replace(/^\?/u, '');
    return { kind: 'sas', blobEndpoint: endpoint, sasToken: token };
  }
  const { accountKey: key = '' } = storage;
  const name = storageName(storage) ?? '';
  return { kind: 'account-key', blobEndpoint: endpoint, accountName: name, accountKey: key };
}

/** What people call the account: its name, or the host where the address does not have one. */
export function accountOf(credential: StorageCredential): string {
  if (credential.kind === 'account-key') return credential.accountName;
  const url = new URL(credential.blobEndpoint);
  return nameIn(url) ?? url.host;
}

/** What is wrong with the SAS of a storage at this time; a SAS without an end has it in a policy. */
export function expiryProblem(storage: JobStorage, now: Date): StorageProblem | undefined {
  const credential = credentialIn(storage);
  if (credential.kind === 'account-key') return undefined;
  const path = credential.kind === 'sas' ? 'sasToken' : 'containerUrl';
  const end = new URLSearchParams(credential.sasToken).get('se');
  if (end === null || Date.parse(end) > now.getTime()) return undefined;
  return { path, message: `has expired (${end}); ask for a new SAS` };
}

export interface StorageProblem {
  readonly path: keyof JobStorage;
  readonly message: string;
}

type Context = z.core.$RefinementCtx<string>;

/** What both kinds of SAS must have. */
function complainOf(query: URLSearchParams, context: Context): void {
  if (!query.get('sig')) {
    context.addIssue('must be a whole SAS; its signature (sig) is missing');
    return;
  }
  const version = query.get('sv') ?? '';
  if (!/^\d{4}-\d\d-\d\d$/u.test(version) || version < FIRST_VERSION) {
    context.addIssue(`must be a SAS of version ${FIRST_VERSION} or later (sv)`);
  }
  // With a stored access policy, end and permissions can be in the store.
  const byPolicy = query.has('si');
  const end = query.get('se');
  if (end === null ? !byPolicy : !isTime(end)) context.addIssue('must say when it ends (se)');
  const given = query.get('sp');
  if (given === null && byPolicy) return;
  const lacking = Object.entries(IMPORT_PERMISSIONS).filter(([letter]) => !given?.includes(letter));
  if (lacking.length === 0) return;
  const words = lacking.map(([letter, word]) => `${word} (${letter})`).join(', ');
  context.addIssue(`must allow what an import needs; its permissions (sp) lack ${words}`);
}

/** The forms of ISO 8601 that a SAS may have; anything else is not shown to anybody. */
function isTime(text: string): boolean {
  const form = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,7})?)?Z)?$/u;
  return form.test(text) && !Number.isNaN(Date.parse(text));
}

function addressIn(value: string, context: Context): URL | undefined {
  const url = URL.parse(value);
  if (url === null || !/^https?:$/u.test(url.protocol)) {
    context.addIssue('must be a URL such as https://ACCOUNT.blob.core.windows.net');
    return undefined;
  }
  if (url.protocol === 'http:' && !isLoopback(url)) {
    context.addIssue('must begin with https: a key does not travel in the clear');
  }
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    context.addIssue('must be an address alone, without a user and without "#"');
  }
  return url;
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d+){3}$/u.test(hostname);
}

/** Where the host is an address and no name, the account is the first part of the path. */
function hasAccountInPath(url: URL): boolean {
  return isLoopback(url) || /^(?:\d+(?:\.\d+){3}|\[.*\])$/u.test(url.hostname);
}

function segmentsOf({ pathname }: URL): string[] {
  return pathname.split('/').filter((segment) => segment !== '');
}

function containerIn(url: URL): { readonly container: string; readonly above: readonly string[] } {
  const segments = segmentsOf(url);
  return { container: segments.at(-1) ?? '', above: segments.slice(0, -1) };
}

function endpointOf({ blobEndpoint: address = '' }: JobStorage): string {
  const url = new URL(address);
  return [url.origin, ...segmentsOf(url)].join('/');
}

function storageName({ accountName: name, blobEndpoint: address }: JobStorage): string | undefined {
  return name ?? (address === undefined ? undefined : nameIn(new URL(address)));
}

/** The account's name in its address; a domain of the customer's own has none. */
function nameIn(url: URL): string | undefined {
  if (hasAccountInPath(url)) return segmentsOf(url)[0];
  return /^([a-z0-9]+)\.(?:[a-z0-9-]+\.)?blob\./u.exec(url.hostname)?.[1];
}

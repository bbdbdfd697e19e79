import { RestError } from '@azure/storage-blob';
import { describe, expect, it } from 'vitest';
import { fromAzure } from '../../../src/blobs/azure-errors.ts';
import { redact } from '../../../src/blobs/redact.ts';

const live = () => new AbortController().signal;
const commit = { operation: 'commit', blob: 'disk.img' };

describe('errors of the SDK', () => {
  it.each([
    { statusCode: 400, code: 'Md5Mismatch', becomes: 'checksum-mismatch' },
    { statusCode: 409, code: 'BlobAlreadyExists', becomes: 'destination-exists' },
    { statusCode: 412, code: 'ConditionNotMet', becomes: 'destination-exists' },
    { statusCode: 403, code: 'UnauthorizedBlobOverwrite', becomes: 'destination-exists' },
    { statusCode: 404, code: 'BlobNotFound', becomes: 'blob-not-found' },
    { statusCode: 412, code: 'LeaseIdMissing', becomes: 'blob-leased' },
    { statusCode: 412, code: 'LeaseLost', becomes: 'blob-leased' },
    { statusCode: 409, code: 'InvalidBlobType', becomes: 'blob-of-other-type' },
    { statusCode: 400, code: 'InvalidBlobOrBlock', becomes: 'blocks-in-the-way' },
    { statusCode: 409, code: 'SnapshotsPresent', becomes: 'storage-rejected' },
    { statusCode: 409, code: 'BlobArchived', becomes: 'storage-rejected' },
    { statusCode: 404, code: 'ContainerNotFound', becomes: 'container-missing' },
    { statusCode: 409, code: 'ContainerBeingDeleted', becomes: 'storage-unavailable' },
    { statusCode: 409, code: 'BlobImmutableDueToPolicy', becomes: 'storage-rejected' },
    { statusCode: 400, code: 'InvalidBlockList', becomes: 'storage-rejected' },
    { statusCode: 409, code: 'BlockCountExceedsLimit', becomes: 'storage-rejected' },
    { statusCode: 403, code: 'AuthorizationPermissionMismatch', becomes: 'storage-denied' },
    { statusCode: 401, code: 'InvalidAuthenticationInfo', becomes: 'storage-denied' },
    { statusCode: 403, code: 'KeyBasedAuthenticationNotPermitted', becomes: 'storage-denied' },
    { statusCode: 409, code: 'PublicAccessNotPermitted', becomes: 'storage-denied' },
    { statusCode: 400, code: 'InvalidAuthenticationInfo', becomes: 'storage-denied' },
    { statusCode: 403, code: 'AccountIsDisabled', becomes: 'account-disabled' },
    { statusCode: 403, code: 'InsufficientAccountPermissions', becomes: 'account-disabled' },
    { statusCode: 409, code: 'ContainerDisabled', becomes: 'account-disabled' },
    { statusCode: 403, code: 'AuthorizationFailure', becomes: 'storage-denied' },
    { statusCode: 403, code: 'AuthorizationSourceIPMismatch', becomes: 'storage-denied' },
    { statusCode: 409, code: 'AccountBeingCreated', becomes: 'storage-unavailable' },
    { statusCode: 501, code: 'NotImplemented', becomes: 'storage-unusable' },
    { statusCode: 505, code: '', becomes: 'storage-unusable' },
    { statusCode: 507, code: 'InsufficientStorage', becomes: 'storage-unavailable' },
    { statusCode: 404, code: '', becomes: 'storage-rejected' },
    { statusCode: 503, code: 'ServerBusy', becomes: 'storage-unavailable' },
    { statusCode: 200, code: 'PARSE_ERROR', becomes: 'storage-unavailable' },
    { statusCode: 302, code: '', becomes: 'storage-unavailable' },
    { statusCode: 511, code: '', becomes: 'storage-unavailable' },
  ])('$statusCode $code is $becomes', ({ statusCode, code, becomes }) => {
    const error = new RestError('said the store', { statusCode, code });
    expect(fromAzure(error, commit, live())).toMatchObject({ code: becomes });
  });

  it.each([
    { condition: 'same-etag', statusCode: 412, code: 'ConditionNotMet', becomes: 'blob-changed' },
    {
      condition: 'replace',
      statusCode: 403,
      code: 'UnauthorizedBlobOverwrite',
      becomes: 'storage-denied',
    },
    {
      condition: { etag: '"0x1"' },
      statusCode: 403,
      code: 'UnauthorizedBlobOverwrite',
      becomes: 'storage-denied',
    },
    {
      condition: { etag: '"0x1"' },
      statusCode: 412,
      code: 'ConditionNotMet',
      becomes: 'destination-exists',
    },
  ] as const)('$code is $becomes where the condition was $condition', (row) => {
    const { condition, statusCode, code, becomes } = row;
    const error = new RestError('said the store', { statusCode, code });
    expect(fromAzure(error, { ...commit, condition }, live())).toMatchObject({ code: becomes });
  });

  it.each([
    ['KeyBasedAuthenticationNotPermitted', 'takes no access keys'],
    ['AuthorizationFailure', 'the network rules of the account'],
    ['AuthorizationSourceIPMismatch', 'not for the address'],
    ['AuthorizationPermissionMismatch', 'does not allow this'],
  ])('%s says what is the matter beside an old credential', (code, words) => {
    const error = new RestError('said the store', { statusCode: 403, code });
    expect(fromAzure(error, commit, live()).message).toContain(words);
  });

  it('a refusal of what was asked of no blob is the whole store’s', () => {
    const error = new RestError('said', { statusCode: 404, code: 'ResourceNotFound' });
    const request = { operation: 'list blobs' };
    expect(fromAzure(error, request, live())).toMatchObject({ code: 'storage-unusable' });
  });

  it('without a code only the answer to HEAD says that there is no blob', () => {
    const error = new RestError('', { statusCode: 404 });
    const request = { operation: 'read properties', blob: 'disk.img' };
    expect(fromAzure(error, request, live())).toMatchObject({ code: 'blob-not-found' });
  });

  it.each(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'ENOTFOUND'])(
    '%s is storage-unavailable, wrapped by the SDK or not',
    (code) => {
      const wrapped = new RestError(`socket: ${code}`, { code });
      const bare = Object.assign(new Error(`socket: ${code}`), { code });
      for (const error of [wrapped, bare]) {
        expect(fromAzure(error, commit, live())).toMatchObject({
          code: 'storage-unavailable',
          payload: { operation: 'commit', detail: expect.stringContaining(code) },
        });
      }
    },
  );

  it('a body that Azurite saw cut is a checksum mismatch', () => {
    const message = 'The size of the request body 17 mismatches the content-length 18.';
    const error = new RestError(message, { statusCode: 400, code: 'InvalidOperation' });
    expect(fromAzure(error, commit, live())).toMatchObject({ code: 'checksum-mismatch' });
  });

  it('a credential chain without a credential is denied', () => {
    const error = Object.assign(new Error('no credential'), { name: 'CredentialUnavailableError' });
    expect(fromAzure(error, commit, live())).toMatchObject({ code: 'storage-denied' });
  });

  it('a defect of the caller is rejected rather than waited for', () => {
    expect(fromAzure(new TypeError('bad header'), commit, live())).toMatchObject({
      code: 'storage-rejected',
      payload: { status: 0, detail: 'bad header' },
    });
  });

  it('anything after the signal has fired is the cancelling', () => {
    const error = new RestError('aborted', { statusCode: 500 });
    expect(fromAzure(error, commit, AbortSignal.abort())).toMatchObject({ code: 'cancelled' });
  });
});

describe('what is told of an error', () => {
  it.each([
    ['GET https://a.net/c/b?sv=1&sig=c2VjcmV0%3D failed', 'GET https://a.net/c/b failed'],
    ['Authorization: SharedKey acc:c2VjcmV0', 'Authorization: SharedKey [redacted]'],
    ['token Bearer eyJ.c2VjcmV0', 'token Bearer [redacted]'],
    ['x AccountKey=c2VjcmV0;y', 'x AccountKey=[redacted];y'],
    ['signed &sig=c2VjcmV0&se=1', 'signed &sig=[redacted]&se=1'],
    ['first line\nsecond c2VjcmV0', 'first line'],
    ['is it there? yes', 'is it there? yes'],
  ])('%j becomes %j', (said, told) => {
    expect(redact(said)).toBe(told);
  });
});

import { describe, expect, it } from 'vitest';
import { awayWords, isOfNetwork } from '../../../src/blobs/away-words.ts';
import { failureOf } from '../../../src/blobs/azure-failure.ts';

const host = 'contoso.blob.core.windows.net';

describe('why a store cannot be reached', () => {
  it.each([
    ['ENOTFOUND', `the name ${host} cannot be resolved`],
    ['EAI_AGAIN', `the name ${host} cannot be resolved`],
    ['ECONNREFUSED', `${host} refuses connections`],
    ['ECONNRESET', `the connection to ${host} broke off`],
    ['ENETUNREACH', `no network leads to ${host}`],
    ['CERT_HAS_EXPIRED', `there is no secure connection to ${host}`],
    ['SELF_SIGNED_CERT_IN_CHAIN', `there is no secure connection to ${host}`],
    ['ERR_TLS_CERT_ALTNAME_INVALID', `there is no secure connection to ${host}`],
  ])('%s in words, and the code beside them', (code, words) => {
    const error = Object.assign(new Error(`it was ${code}`), { code });
    expect(awayWords({ ...failureOf(error), host })).toBe(`${words} (it was ${code})`);
    expect(isOfNetwork(code)).toBe(true);
  });

  it('leaves what it does not know as it is', () => {
    const failure = failureOf(Object.assign(new Error('EWEIRD it was'), { code: 'EWEIRD' }));
    expect(awayWords(failure)).toBe('EWEIRD it was');
    expect(isOfNetwork('EWEIRD')).toBe(false);
  });
});

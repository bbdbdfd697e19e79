import type { Failure } from './azure-failure.ts';

/** Why a store cannot be reached, for people, with the code for those who look further. */

type Words = (host: string) => string;

const broken: Words = (host) => `the connection to ${host} broke off`;
const silent: Words = (host) => `${host} does not answer`;
const noWay: Words = (host) => `no network leads to ${host}`;
const nameless: Words = (host) => `the name ${host} cannot be resolved`;
const stranger: Words = (host) => `what answers at ${host} is not a blob store`;
const insecure: Words = (host) => `there is no secure connection to ${host}`;

const BY_ERRNO: Readonly<Record<string, Words>> = {
  ENOTFOUND: nameless,
  EAI_AGAIN: nameless,
  ECONNREFUSED: (host) => `${host} refuses connections`,
  ECONNRESET: broken,
  ECONNABORTED: broken,
  EPIPE: broken,
  ERR_STREAM_PREMATURE_CLOSE: broken,
  ETIMEDOUT: silent,
  ENETDOWN: noWay,
  ENETUNREACH: noWay,
  EHOSTDOWN: noWay,
  EHOSTUNREACH: noWay,
};

/** Codes of OpenSSL and of Node's own checks of a certificate ("X509 certificate error codes"). */
const TLS =
  /^(?:EPROTO|ERR_TLS_|ERR_SSL_|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_|HOSTNAME_MISMATCH)/u;

/** What stands in between says of itself. */
const IN_BETWEEN: Readonly<Record<number, string>> = {
  407: 'the proxy of the network wants a login first',
  502: 'what stands before the store does not reach it',
  504: 'what stands before the store does not reach it',
  511: 'the network wants a login first',
};

const BY_STATUS: Readonly<Record<number, string>> = {
  ...IN_BETWEEN,
  408: 'the store lost patience',
  429: 'the store asks to be left alone for a while',
  500: 'the store has trouble of its own',
  503: 'the store asks to be left alone for a while',
  507: 'the store is full',
};

/** Whether an error without an answer is the network's. */
export function isOfNetwork(code: string): boolean {
  return code in BY_ERRNO || TLS.test(code);
}

export function awayWords(failure: Failure): string {
  const { status, code, host, detail } = failure;
  // A blob store answers no question of ours with a success that is an error, nor sends us elsewhere.
  const isForeign = failure.isForeign || (status >= 200 && status < 400);
  if (isForeign) return `${IN_BETWEEN[status] ?? stranger(host)} (${detail})`;
  const words = BY_STATUS[status] ?? BY_ERRNO[code]?.(host);
  if (words !== undefined) return `${words} (${detail})`;
  return TLS.test(code) ? `${insecure(host)} (${detail})` : detail;
}

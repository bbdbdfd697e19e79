import type { Failure } from './azure-failure.ts';

/** Why a store cannot be reached, for people, with the code for those who look further. */

type Words = (host: string) => string;

const broken: Words = (host) => `the connection to ${host} broke off`;
const silent: Words = (host) => `${host} does not answer`;
const noWay: Words = (host) => `no network leads to ${host}`;
const nameless: Words = (host) => `the name ${host} cannot be resolved`;
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

const BY_STATUS: Readonly<Record<number, string>> = {
  407: 'the proxy of the network wants a login first',
  408: 'the store lost patience',
  429: 'the store asks to be left alone for a while',
  500: 'the store has trouble of its own',
  502: 'what stands before the store does not reach it',
  503: 'the store asks to be left alone for a while',
  504: 'what stands before the store does not reach it',
  507: 'the store is full',
  511: 'the network wants a login first',
};

/** Whether an error without an answer is the network's. */
export function isOfNetwork(code: string): boolean {
  return code in BY_ERRNO || TLS.test(code);
}

export function awayWords(failure: Failure): string {
  const { status, code, host, detail, isPage, isStrange } = failure;
  const isOther = isPage || (status >= 200 && status < 400);
  const words = isOther ? undefined : (BY_STATUS[status] ?? BY_ERRNO[code]?.(host));
  if (words !== undefined) return `${words} (${detail})`;
  if (isOther || isStrange) return `what answers at ${host} is not a blob store (${detail})`;
  return TLS.test(code) ? `${insecure(host)} (${detail})` : detail;
}

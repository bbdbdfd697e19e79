import { isIP } from 'node:net';

/** Listening on these means on every address of the machine. */
const WILDCARDS = new Set(['0.0.0.0', '::', '']);

/**
 * Whether the `Host` header names this station. A page of another site can make a browser send
 * requests here through a name that it points at 127.0.0.1 (DNS rebinding); the header then carries
 * that name. Loopback and the configured host are right; on a wildcard address any literal address
 * is, because an address cannot be rebound.
 */
export function isOwnHost(header: string | undefined, configuredHost: string): boolean {
  const name = hostnameOf(header);
  if (name === undefined) return false;
  if (name === 'localhost' || name === '::1' || /^127(?:\.\d{1,3}){3}$/u.test(name)) return true;
  if (WILDCARDS.has(configuredHost)) return isIP(name) !== 0;
  return name === configuredHost.toLowerCase();
}

/**
 * Whether a request comes from a page of this station or from no page at all. Browsers send `Origin`
 * with every WebSocket and with every request that can change something.
 */
export function isOwnOrigin(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return true;
  const url = URL.parse(origin);
  return url !== null && host !== undefined && url.host === host.toLowerCase();
}

/** The name or address in a `Host` header, without port and brackets, in lower case. */
function hostnameOf(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const url = URL.parse(`http://${header}`);
  if (url === null || url.pathname !== '/' || url.username !== '' || url.search !== '') {
    return undefined;
  }
  return url.hostname.replace(/^\[|\]$/gu, '').toLowerCase();
}

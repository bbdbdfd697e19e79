import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';

/** Bytes of a connection that the kernel holds. */
export interface KernelQueues {
  /** Taken from us and not confirmed by the other side. */
  readonly unsentBytes: number;
  /** Come in and not read by us. */
  readonly unreadBytes: number;
}

const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];
const EMPTY: KernelQueues = { unsentBytes: 0, unreadBytes: 0 };

/**
 * What the kernel holds of each connection at this moment (`tx_queue:rx_queue`, proc_net_tcp.rst of the
 * kernel's documentation). Node cannot tell. The tables lie in the kernel's memory: reading them waits
 * for nothing, and needs no thread that a sick disk may hold.
 */
export function kernelQueues(): (connection: Socket) => KernelQueues {
  const queues = new Map<string, KernelQueues>();
  for (const table of TABLES) {
    for (const line of linesOf(table)) {
      const [, local, remote, , held] = line.trim().split(/\s+/u);
      const [unsentBytes, unreadBytes] = (held ?? '')
        .split(':')
        .map((hex) => Number.parseInt(hex, 16));
      if (unsentBytes === undefined || unreadBytes === undefined) continue;
      queues.set(`${portIn(local)} ${portIn(remote)}`, { unsentBytes, unreadBytes });
    }
  }
  return ({ localPort, remotePort }) => queues.get(`${localPort} ${remotePort}`) ?? EMPTY;
}

function linesOf(table: string): string[] {
  try {
    return readFileSync(table, 'utf8').split('\n').slice(1);
  } catch {
    // A kernel without IPv6 has one table; without any, what the socket took counts as moved.
    return [];
  }
}

function portIn(address: string | undefined): number {
  return Number.parseInt(address?.split(':')[1] ?? '', 16);
}

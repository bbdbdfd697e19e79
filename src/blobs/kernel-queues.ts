import { readFileSync } from 'node:fs';
import { type Socket, SocketAddress } from 'node:net';
import { endianness } from 'node:os';

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
      const [, local = '', remote = '', , held = ''] = line.trim().split(/\s+/u);
      const [unsentBytes, unreadBytes] = held.split(':').map((hex) => Number.parseInt(hex, 16));
      if (unsentBytes === undefined || unreadBytes === undefined) continue;
      queues.set(`${endOf(local)} ${endOf(remote)}`, { unsentBytes, unreadBytes });
    }
  }
  return ({ localAddress, localPort, remoteAddress, remotePort }) => {
    const local = `${withoutZone(localAddress)} ${localPort}`;
    const remote = `${withoutZone(remoteAddress)} ${remotePort}`;
    return queues.get(`${local} ${remote}`) ?? EMPTY;
  };
}

function linesOf(table: string): string[] {
  try {
    return readFileSync(table, 'utf8').split('\n').slice(1);
  } catch {
    // A kernel without IPv6 has one table; without any, what the socket took counts as moved.
    return [];
  }
}

/** One end of a connection, as Node writes addresses. */
function endOf(text: string): string {
  const [address = '', port = ''] = text.split(':');
  const bytes = Buffer.from(address, 'hex');
  // The kernel prints an address as numbers of 32 bits, each as the processor reads it.
  if (endianness() === 'LE' && bytes.length % 4 === 0) bytes.swap32();
  return `${bytes.length === 16 ? ipv6Of(bytes) : bytes.join('.')} ${Number.parseInt(port, 16)}`;
}

function ipv6Of(bytes: Buffer): string {
  const groups = [0, 2, 4, 6, 8, 10, 12, 14].map((at) => bytes.readUInt16BE(at).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

/** An address of one link carries the name of its interface, which the kernel's table does not. */
function withoutZone(address: string | undefined): string | undefined {
  return address?.split('%')[0];
}

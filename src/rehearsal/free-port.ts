import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { StationError } from '../errors.ts';

/**
 * A daemon listens seconds after its port was chosen, and again on the same one after each kill. The
 * ports from 32768 on are given by the kernel to whoever asks for any (`ip_local_port_range`), so one
 * of these could be taken meanwhile; below them only other rehearsals look.
 */
const FIRST_PORT = 20_000;
const PORTS = 12_000;
/** Where each process begins to look, so that two of them seldom look at the same port. */
const PORTS_OF_A_PROCESS = 50;

/** A port of the loopback address that nobody listens on. Throws `rehearsal-failed` when there is none. */
export async function freePort(): Promise<number> {
  const first = process.pid * PORTS_OF_A_PROCESS + randomInt(PORTS_OF_A_PROCESS);
  for (let step = 0; step < PORTS; step++) {
    const port = FIRST_PORT + ((first + step) % PORTS);
    if (await isFree(port)) return port;
  }
  const problem = 'no port is free';
  throw new StationError('rehearsal-failed', problem, { problem });
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

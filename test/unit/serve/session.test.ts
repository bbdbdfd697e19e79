import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createLog } from '../../../src/log.ts';
import { Feed } from '../../../src/serve/feed.ts';
import { Session } from '../../../src/serve/session.ts';
import { copyingDrive, emptyView } from '../../support/views.ts';

const BUDGET = 256 * 1024;

it('never lets more than the budget wait for a client that does not read', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new RangeError('no port');
  const client = new WebSocket(`ws://127.0.0.1:${address.port}`);
  const [socket]: WebSocket[] = await once(server, 'connection');
  if (socket === undefined) throw new RangeError('no connection');
  const feed = new Feed({ epoch: 'e' }, emptyView());
  const station = { name: 's', version: '1' };
  const dependencies = { feed, socket, logger: createLog('error') };
  const session = new Session({ budgetBytes: BUDGET, station }, dependencies);
  await once(client, 'open');
  client.send(JSON.stringify({ type: 'hello', protocol: [1, 1] }));
  await once(client, 'message');
  client.pause();

  const drives = Array.from({ length: 20 }, (_, n) => copyingDrive(`DRIVE-${n}`, 'Bay 1', 0.5));
  let most = 0;
  // 20 MB of deltas: far more than the kernel's own buffers take.
  for (let n = 0; session.state === 'live' || n < 100; n++) {
    if (n > 5000) throw new RangeError('the client was never found slow');
    const moved = drives.map((drive) => ({ ...drive, bay: `Bay ${n}` }));
    const delta = feed.publish({ ...emptyView(), drives: moved });
    session.deliver(JSON.stringify(delta));
    most = Math.max(most, socket.bufferedAmount);
    if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(session.state).toBe('behind');
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(BUDGET + 1024);
});

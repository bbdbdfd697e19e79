import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import type { Ledger } from '../ledger/contract.ts';
import type { Routes } from './routes.ts';
import type { StationView } from './wire.ts';

/** A ledger that takes longer than this for one small question is as good as gone. */
const LEDGER_DEADLINE_MS = 2000;

interface Check {
  readonly name: 'ledger' | 'detection';
  readonly ok: boolean;
  /** Why not; `null` when all is well. */
  readonly reason: string | null;
}

/** `/healthz`: the process answers. `/readyz`: it can do its work, or the reasons why it cannot. */
export function healthRoutes(ledger: Ledger, view: () => StationView): Routes {
  return {
    '/healthz': { GET: () => ({ status: 'alive' }) },
    '/readyz': {
      GET: async (_request, reply) => {
        const checks = [await ledgerCheck(ledger), detectionCheck(view())];
        const ready = checks.every((check) => check.ok);
        return reply.code(ready ? 200 : 503).send({ ready, checks });
      },
    },
  };
}

async function ledgerCheck(ledger: Ledger): Promise<Check> {
  const cancel = new AbortController();
  const late = delay(LEDGER_DEADLINE_MS, 'late' as const, { signal: cancel.signal });
  // The delay is cut short below, which is how it is meant to end.
  late.catch(() => undefined);
  try {
    const answer = await Promise.race([ledger.parcels.checkIn(), late]);
    if (answer !== 'late') return { name: 'ledger', ok: true, reason: null };
    const reason = `The ledger did not answer within ${LEDGER_DEADLINE_MS} ms.`;
    return { name: 'ledger', ok: false, reason };
  } catch (error) {
    return { name: 'ledger', ok: false, reason: messageOf(error) };
  } finally {
    cancel.abort();
  }
}

function detectionCheck(view: StationView): Check {
  const { detection } = view.station;
  return {
    name: 'detection',
    ok: detection.known,
    reason: detection.known ? null : detection.reason,
  };
}

import { z } from 'zod';
import { RESOLUTIONS, type Resolution } from '../../domain/alert-texts.ts';
import type { Alert, Ledger } from '../../ledger/contract.ts';
import type { OperatorActions } from '../operator-actions.ts';
import { alertView as alertShown } from '../operator-view.ts';
import { idParams, line } from './fields.ts';
import { bodyOf, defineAction, defineRead, type StationRoute } from './route.ts';
import { alert } from './shapes.ts';

/** The routes of the operators' queue. */

const resolveBody = z.strictObject({
  resolution: z.enum(Object.keys(RESOLUTIONS) as [Resolution, ...Resolution[]]),
  note: line(1000).exactOptional().describe('What was said or done, for whoever asks later.'),
});
const alertsQuery = z.strictObject({ which: z.enum(['open', 'all']).default('open') });

export function alertRoutes(actions: OperatorActions): StationRoute[] {
  return [
    defineRead({
      path: '/api/v1/alerts',
      id: 'listAlerts',
      tag: 'alerts',
      summary: 'What waits for an operator',
      description: 'Open ones, oldest first; `all`: resolved ones too, newest first.',
      query: alertsQuery,
      answer: z.object({ alerts: z.array(alert).readonly() }),
      handle: async ({ query }, ledger) => {
        const alerts = await ledger.alerts.list(query.which);
        return { alerts: await Promise.all(alerts.map((item) => alertInFull(ledger, item))) };
      },
    }),
    defineAction({
      method: 'POST',
      path: '/api/v1/alerts/:id/acknowledge',
      id: 'acknowledgeAlert',
      tag: 'alerts',
      summary: 'Say that somebody looks after it',
      params: idParams,
      answer: alert,
      errors: ['alert-not-found', 'alert-resolved'],
      handle: async ({ params }, by) =>
        alertInFull(by.ledger, await actions.acknowledgeAlert(params.id, by)),
    }),
    defineAction({
      method: 'POST',
      path: '/api/v1/alerts/:id/resolve',
      id: 'resolveAlert',
      tag: 'alerts',
      summary: 'Say how it ends; the station does what follows',
      params: idParams,
      body: bodyOf(resolveBody),
      answer: alert,
      errors: ['alert-not-found', 'alert-resolved', 'transition-refused', 'job-change-refused'],
      handle: async ({ params, body }, by) =>
        alertInFull(by.ledger, await actions.resolveAlert(params.id, body, by)),
    }),
  ];
}

async function alertInFull(ledger: Ledger, item: Alert): Promise<z.input<typeof alert>> {
  const { jobId } = item.subject;
  const job = jobId === undefined ? undefined : await ledger.jobByName(jobId);
  const names = new Map(job === undefined ? [] : [[job.id, job.name] as const]);
  return { ...alertShown(item, names), resolved: item.resolved ?? null };
}

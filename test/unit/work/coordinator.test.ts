import { expect, it } from 'vitest';
import type { StationView } from '../../../src/serve/wire.ts';
import { Workshop } from '../../support/workshop.ts';

it('never shows a faulted drive without its alert, nor the alert without the drive', async () => {
  const views: StationView[] = [];
  const onRound = (view: StationView) => views.push(view);
  await using workshop = await Workshop.open({ broken: ['A1'], onRound });
  await workshop.createJob('job', ['A1']);
  await workshop.plug('Bay 1', 'A1');
  await workshop.pull('Bay 1');
  const shown = views.map(({ drives, alerts }) => ({
    isFaulted: drives.some(({ state }) => state === 'Faulted'),
    isTold: alerts.some(({ kind }) => kind === 'drive-faulted'),
  }));
  expect(shown.at(-1)).toEqual({ isFaulted: true, isTold: true });
  for (const { isFaulted, isTold } of shown) expect(isFaulted).toBe(isTold);
});

it('shows a fault also while no round comes to its end', async () => {
  await using workshop = await Workshop.open();
  const job = await workshop.createJob('job', ['A1']);
  workshop.ledger.note = () => Promise.reject(new Error('nothing can be written'));
  await workshop.plug('Bay 1', 'A stranger');
  const fault = { code: 'arrived-before-shipping', reason: 'Too early.', nextStep: '' } as const;
  await workshop.ledger.transitionJob(job.id, { event: 'faulted', fault }, 'station');
  await workshop.pull('Bay 2');
  expect(workshop.view().jobs).toMatchObject([{ name: 'job', state: 'Faulted' }]);
});

import { describe, expect, it } from 'vitest';
import { pageModel } from '../../../src/console/model.ts';
import type { AlertView, StationView } from '../../../src/serve/wire.ts';
import { alertsOfTheDay, alertView } from '../../support/desk-views.ts';
import {
  busyView,
  completedDrive,
  diskOf,
  diskView,
  driveView,
  emptyView,
  faultedDrive,
  jobView,
} from '../../support/views.ts';

const faulted = faultedDrive('ZA2B7XK9', 'Bay 3');
const extra = diskView('Bay 5', {
  match: { kind: 'extra', reason: 'r', extra: { id: 'extra-7', jobId: null, jobName: null } },
});
const aboutDrive = alertView({ kind: 'drive-faulted', jobId: 'job-1', driveId: 'ZA2B7XK9' });
const aboutExtra = alertView({ id: 'a2', kind: 'extra-drive', jobId: null, extraId: 'extra-7' });
const kept = { acknowledged: { at: '2026-11-23T07:00:00.000Z', by: 'maria' } };

function viewOf(over: Partial<StationView>): StationView {
  return { ...emptyView(), jobs: [jobView()], ...over };
}

describe('what needs a person', () => {
  const bays = { drives: [faulted], disks: [diskOf(faulted), extra] };

  it('counts a thing once, with a card and an alert or with one of them', () => {
    const alerts = [aboutDrive, aboutExtra];
    expect(pageModel(viewOf({ ...bays, alerts })).needsYou).toBe(2);
    expect(pageModel(viewOf(bays)).needsYou).toBe(2);
    expect(pageModel(viewOf({ alerts })).needsYou).toBe(2);
  });

  it('counts each alert about a job, and the one about a finished drive', () => {
    const done = completedDrive('ZA2B7XK9', 'Bay 3');
    const alerts = [
      alertView({ id: 'a1', kind: 'contact-customer' }),
      alertView({ id: 'a2', kind: 'return-drives' }),
      alertView({ id: 'a3', kind: 'copy-log-refused', jobId: 'job-1', driveId: done.driveId }),
    ];
    expect(pageModel(viewOf({ drives: [done], disks: [diskOf(done)], alerts })).needsYou).toBe(3);
  });

  it('does not count what somebody looks after', () => {
    const alerts = [{ ...aboutDrive, ...kept }, aboutExtra];
    expect(pageModel(viewOf({ ...bays, alerts })).needsYou).toBe(1);
  });

  it('counts the question which drive a disk is at the disk alone', () => {
    const asked = driveView('KV6H86XP', { activity: { kind: 'waiting-for-person', reason: 'r' } });
    const near = diskView('Bay 6', {
      match: {
        kind: 'near',
        reason: 'r',
        suggestions: [
          { driveKey: asked.key, jobName: asked.jobName, driveId: asked.driveId, form: 'one-off' },
        ],
      },
    });
    expect(pageModel(viewOf({ drives: [asked], disks: [near] })).needsYou).toBe(1);
  });
});

describe('the page model', () => {
  it('puts alerts that nobody looks after first, the oldest of them at the top', () => {
    const { alerts } = pageModel(busyView());
    expect(alerts.map(({ alert }) => alert.title)).toEqual([
      'Parcel missing',
      'Drive needs you',
      'Extra drive',
      'Job put aside',
    ]);
  });

  it('says in which bay the disk of an alert is', () => {
    const places = new Map(
      pageModel(busyView()).alerts.map(({ alert, bay }): [AlertView['kind'], unknown] => [
        alert.kind,
        bay,
      ]),
    );
    expect(Object.fromEntries(places)).toEqual({
      'package-missing': undefined,
      'drive-faulted': 'Bay 3',
      'extra-drive': 'Bay 5',
      'job-put-aside': undefined,
    });
    expect(alertsOfTheDay()).toHaveLength(places.size);
  });

  it('says in which bay a dock is that is unreliable, and counts it once', () => {
    const unreliableDock = { id: 'dock-1', since: '', words: '', nextStep: '' };
    const disks = [diskOf(faulted, { unreliableDock }), extra];
    const about = { kind: 'dock-unreliable', jobId: null, dockId: 'dock-1' };
    const model = pageModel(viewOf({ drives: [faulted], disks, alerts: [alertView(about)] }));
    expect(model.alerts).toMatchObject([{ bay: 'Bay 3' }]);
    expect(model.needsYou).toBe(3);
  });

  it('keeps finished jobs and their drives out of the way', () => {
    const back = driveView('A', { key: 'job-9/A', jobId: 'job-9', state: 'ShippedBack' });
    const done = jobView({ id: 'job-9', name: 'done', state: 'Closed' });
    const model = pageModel(viewOf({ jobs: [jobView(), done], drives: [back, driveView('B')] }));
    expect(model.jobs.map(({ name }) => name)).toEqual(['contoso-archive']);
    expect(model.finishedJobs.map(({ name }) => name)).toEqual(['done']);
    expect(model.absent.map(({ drive }) => drive.driveId)).toEqual(['B']);
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Serving, startServing } from '../support/serving.ts';
import {
  cliRecording,
  play,
  powershellRecording,
  publishedExample,
  type Recorded,
  shown,
} from './arm-playback.ts';

let at: Serving;
beforeEach(async () => {
  at = await startServing(undefined, {
    storageAccounts: ['clitest000002', 'teststorageforimport', 'test'],
  });
});
afterEach(() => at.close());

const powershell = (name: string) =>
  powershellRecording(`azure-powershell_2020-04-${name}-AzImportExport`.concat('.Recording.json'));

/** Plays a call and holds the answer to the recorded one: status, type, and every member in order. */
async function expectSame(call: Recorded): Promise<void> {
  const played = await play(at.server.url, call);
  expect(played.status).toBe(call.status);
  expect(shown(played.body)).toBe(shown(call.answer));
  if (call.answer === undefined) expect(played.headers.get('content-length')).toBe('0');
  else expect(played.headers.get('content-type')).toBe(call.contentType);
  expect(played.headers.get('cache-control')).toBe('no-cache');
  expect(played.headers.get('expires')).toBe('-1');
}

describe('recorded calls, answer by answer', () => {
  it('of azure-cli: create, list, show, cancel, keys, delete', async () => {
    const calls = await cliRecording('azure-cli_2020-04-21_test_import_export.yaml');
    expect(calls.map(({ method }) => method)).toEqual([
      'GET',
      'GET',
      'PUT',
      'GET',
      'GET',
      'PATCH',
      'POST',
      'DELETE',
    ]);
    // The published addresses have stray blanks and line breaks, which are not kept.
    const [locations, ...rest] = calls;
    if (locations === undefined) expect.unreachable();
    const played = await play(at.server.url, locations);
    const trimmed = (_name: string, value: unknown) =>
      typeof value === 'string' ? value.trim() : value;
    expect(JSON.stringify(played.body)).toBe(JSON.stringify(locations.answer, trimmed));
    for (const call of rest) await expectSame(call);
  });

  it('of PowerShell: a new job whose members come in another order', async () => {
    const [create] = await powershell('28_New');
    if (create === undefined) expect.unreachable();
    await expectSame(create);
  });

  it('of PowerShell: show, both lists, keys, parcel and cancellation', async () => {
    const [create] = await powershell('28_New');
    if (create === undefined) expect.unreachable();
    const body = JSON.parse(create.body ?? '');
    body.properties.driveList = [{ ...body.properties.driveList[0], driveId: '9CA995BB' }];
    const target = create.target.replace('new-job', 'test-job');
    await play(at.server.url, { ...create, target, body: JSON.stringify(body) });
    const keys = await powershellRecording(
      'azure-powershell_2020-04-28_Get-AzImportExportBitLockerKey.Recording.json',
    );
    const calls = [...(await powershell('28_Get')), ...keys, ...(await powershell('26_Update'))];
    expect(calls).toHaveLength(7);
    for (const call of calls) await expectSame(call);
  });
});

describe('published examples', () => {
  it.each(['CreateJob', 'CreateExportJob'])(
    '%s answers with the members of the page',
    async (name) => {
      const { parameters, responses } = await publishedExample(name);
      const subscription = 'xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx';
      const target = `/subscriptions/${subscription}/resourceGroups/myResourceGroup/providers/Microsoft.ImportExport/jobs/${String(parameters.jobName)}?api-version=2021-01-01`;
      const response = await fetch(`${at.server.url}${target}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json; charset=utf-8' },
        body: JSON.stringify(parameters.body),
      });
      expect(response.status).toBe(201);
      const body: unknown = await response.json();
      // The addresses of the data centres on that page are invented.
      const without = (member: string, value: unknown) =>
        member === 'systemData' || member === 'shippingInformation' ? undefined : value;
      expect(JSON.stringify(body, without)).toBe(JSON.stringify(responses['201']?.body, without));
    },
  );

  it('ListOperations is answered word by word', async () => {
    const { responses } = await publishedExample('ListOperations');
    const target = '/providers/Microsoft.ImportExport/operations?api-version=2021-01-01';
    const answer = await fetch(`${at.server.url}${target}`);
    expect(await answer.json()).toEqual(responses['200']?.body);
  });
});

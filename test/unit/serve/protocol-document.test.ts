import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { applyChanges } from '../../../src/console/apply.ts';
import { apiRoutes } from '../../../src/serve/api.ts';
import { armRoutes } from '../../../src/serve/arm.ts';
import { healthRoutes } from '../../../src/serve/health.ts';
import { LocationBook } from '../../../src/serve/locations.ts';
import { CLOSE_CODES } from '../../../src/serve/session.ts';
import { clientMessage, serverMessage } from '../../../src/serve/wire.ts';
import { operatorActions } from '../../../src/work/operator-actions.ts';
import { NOTHING_PLUGGED_IN } from '../../support/operators.ts';
import { recordingActions, startServing } from '../../support/serving.ts';

const document = readFileSync(new URL('../../../docs/PROTOCOL.md', import.meta.url), 'utf8');
const lines = document.split('\n');
const said = (mark: string): unknown[] =>
  lines.filter((line) => line.startsWith(`${mark} {`)).map((line) => JSON.parse(line.slice(2)));

describe('docs/PROTOCOL.md', () => {
  it('has an example session of messages that the schemas accept as they stand', () => {
    for (const message of said('>')) expect(clientMessage.parse(message)).toEqual(message);
    for (const message of said('<')) expect(serverMessage.parse(message)).toEqual(message);
    expect(said('>').length).toBeGreaterThanOrEqual(3);
  });

  it('has an example session whose deltas apply to its snapshot without a gap', () => {
    const messages = said('<').map((message) => serverMessage.parse(message));
    const snapshot = messages.find((message) => message.type === 'snapshot');
    if (snapshot === undefined) throw new RangeError('the session has no snapshot');
    const deltas = messages.filter((message) => message.type === 'delta');
    expect(deltas.map((delta) => delta.sequence)).toEqual([1, 2, 3]);
    const last = deltas.reduce((view, d) => applyChanges(view, d.changes), snapshot.view);
    expect([last.disks.length, last.station.storage.kind]).toEqual([0, 'away']);
  });

  it('names every message type, close code and route', async () => {
    const types = [...clientMessage.options, ...serverMessage.options].flatMap((option) => [
      ...option.shape.type.values,
    ]);
    for (const type of types) expect(document).toContain(`| \`${type}\` |`);
    for (const code of Object.values(CLOSE_CODES)) expect(document).toContain(`| ${code} |`);
    const { ledger, feed, close } = await startServing();
    onTestFinished(close);
    const view = () => feed.view;
    const operators = operatorActions(NOTHING_PLUGGED_IN);
    const actions = recordingActions([]);
    const routes = {
      ...apiRoutes({ ledger, actions, operators, view, version: '1', checkAnswers: true }),
      ...armRoutes({
        ledger,
        locations: new LocationBook({}),
        storageAccounts: [],
        changed: () => Promise.resolve(),
      }),
      ...healthRoutes(ledger, view),
    };
    for (const [path, verbs] of Object.entries(routes)) {
      for (const verb of Object.keys(verbs)) expect(document).toContain(`\`${verb} ${path}`);
    }
  });
});

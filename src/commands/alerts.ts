import { Command } from 'commander';
import { z } from 'zod';
import { type AlertInFull, alertText, nameOf } from '../client/alert-text.ts';
import { StationError } from '../errors.ts';
import { alert } from '../serve/api/shapes.ts';
import { ask, type Choices, print } from './asking.ts';
import { EXIT } from './exit-codes.ts';
import { addStationOptions, withStationOptions } from './station-options.ts';

const ALERTS = '/api/v1/alerts';
const DEFAULT_COLUMNS = 100;

interface ListChoices extends Choices {
  readonly all?: boolean;
}

/** `drive-station alerts`: the queue of the operators, and their answers. */
export function alertsCommand(): Command {
  const command = new Command('alerts')
    .description('show what waits for an operator, oldest first')
    .option('--all', 'what was resolved too, newest first')
    .option('--json', 'print what the station answers')
    .action(async (choices: ListChoices) => {
      const alerts = await listed(choices, choices.all === true ? 'all' : 'open');
      const columns = process.stdout.columns ?? DEFAULT_COLUMNS;
      print(choices, alerts, () => alertText(alerts, { columns, now: new Date() }));
    });
  command.addCommand(acknowledgeSub());
  command.addCommand(resolveSub());
  return addStationOptions(command);
}

function acknowledgeSub(): Command {
  const command = new Command('acknowledge')
    .description('say that you look after it')
    .argument('<id>', 'of the alert, or its beginning')
    .action(async (id: string) => {
      const choices = command.optsWithGlobals<Choices>();
      const found = await alertNamed(id, choices);
      const path = `${ALERTS}/${found.id}/acknowledge`;
      const kept = await ask(choices, { method: 'POST', path, answer: alert });
      print(choices, kept, () => `${kept.acknowledged?.by} looks after it: ${nameOf(kept)}`);
    });
  return withStationOptions(command);
}

interface ResolveChoices extends Choices {
  readonly note?: string;
}

function resolveSub(): Command {
  const command = new Command('resolve')
    .description('say how it ends; the station does what follows')
    .argument('<id>', 'of the alert, or its beginning')
    .argument('<resolution>', 'one of those that `drive-station alerts` names')
    .option('--note <note>', 'what was said or done, for whoever asks later')
    .action(async (id: string, resolution: string) => {
      const choices = command.optsWithGlobals<ResolveChoices>();
      const found = await alertNamed(id, choices);
      const known = found.resolutions.map(({ name }) => name);
      if (!known.includes(resolution)) {
        const words = `error: "${found.title}" takes ${known.join(' or ')}`;
        command.error(words, { exitCode: EXIT.usage });
      }
      const { note } = choices;
      const body = { resolution, ...(note === undefined ? {} : { note }) };
      const path = `${ALERTS}/${found.id}/resolve`;
      const ended = await ask(choices, { method: 'POST', path, body, answer: alert });
      print(choices, ended, () => `resolved (${resolution}): ${nameOf(ended)}`);
    });
  return withStationOptions(command);
}

async function listed(choices: Choices, which: 'open' | 'all'): Promise<AlertInFull[]> {
  const answer = z.object({ alerts: z.array(alert) });
  const path = `${ALERTS}?which=${which}`;
  return (await ask(choices, { method: 'GET', path, answer })).alerts;
}

/** By its id or the beginning of it; what is open comes before what was resolved. */
async function alertNamed(id: string, choices: Choices): Promise<AlertInFull> {
  const named = async (which: 'open' | 'all') =>
    (await listed(choices, which)).filter((candidate) => candidate.id.startsWith(id));
  const open = await named('open');
  const found = open.length > 0 ? open : await named('all');
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const words =
    found.length === 0
      ? `there is no alert ${id}; look at drive-station alerts`
      : `${found.length} alerts begin with ${id}; give more of the id`;
  throw new StationError('alert-not-found', words, { alert: id });
}

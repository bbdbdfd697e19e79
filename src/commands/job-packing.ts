import { Command } from 'commander';
import { packingText } from '../client/parcel-text.ts';
import { readAddressFile } from '../job-file.ts';
import { packing } from '../serve/wire-parcels.ts';
import { anyJob, ask, type Choices, jobPath, print } from './asking.ts';
import { EXIT } from './exit-codes.ts';

/** The way back: what goes into the parcel, where it goes, and that it went. */
export function packingSubs(): Command[] {
  return [packSub(), returnSub(), addressSub()];
}

function packSub(): Command {
  return new Command('pack')
    .description('print the packing list: what goes back, where, and what hinders it')
    .argument('<name>', 'the job')
    .action(async (name: string, choices: Choices) => {
      const list = await packingOf(name, choices);
      print(choices, list, () => packingText(list));
    });
}

interface ReturnChoices extends Choices {
  readonly carrier?: string;
  readonly tracking: string;
  readonly date?: string;
  readonly found?: readonly string[];
}

function returnSub(): Command {
  return new Command('return')
    .description('record that the parcel back was given to the carrier; the job then ends')
    .argument('<name>', 'the job')
    .option('--carrier <carrier>', 'unless given, the one that the customer chose')
    .requiredOption('--tracking <number>', 'the tracking number')
    .option('--date <date>', 'as on the carrier’s paper; unless given, today')
    .option('--found <drives...>', 'lost drives that are in the parcel all the same')
    .action(async (name: string, choices: ReturnChoices, command: Command) => {
      const carrierName = choices.carrier ?? (await chosenCarrier(name, choices));
      if (carrierName === undefined) {
        const words = 'error: the customer chose no carrier; say who took it with --carrier';
        return command.error(words, { exitCode: EXIT.usage });
      }
      const { tracking: trackingNumber, date: shipDate, found } = choices;
      const day = shipDate === undefined ? {} : { shipDate };
      const more = found === undefined ? {} : { found };
      const body = { carrierName, trackingNumber, ...day, ...more };
      const path = jobPath(name, 'return');
      const job = await ask(choices, { method: 'POST', path, body, answer: anyJob });
      print(choices, job, () => `${job.name} is ${job.state}; it went back with ${carrierName}`);
    });
}

async function chosenCarrier(name: string, choices: Choices): Promise<string | undefined> {
  return (await packingOf(name, choices)).returnShipping?.carrierName;
}

function packingOf(name: string, choices: Choices) {
  return ask(choices, { method: 'GET', path: jobPath(name, 'packing'), answer: packing.loose() });
}

interface AddressChoices extends Choices {
  readonly file: string;
}

function addressSub(): Command {
  return new Command('return-address')
    .description('put in the return address that the customer gave')
    .argument('<name>', 'the job')
    .requiredOption('--file <file>', 'YAML or JSON: what the job file has under "returnAddress"')
    .action(async (name: string, choices: AddressChoices) => {
      const body = await readAddressFile(choices.file);
      const path = jobPath(name, 'return-address');
      const job = await ask(choices, { method: 'PUT', path, body, answer: anyJob });
      print(choices, job, () => `${job.name} has the return address`);
    });
}

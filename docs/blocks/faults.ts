import { CATALOGUE } from '../../src/rehearsal/catalogue.ts';
import { GROUPS, type Group } from '../../src/rehearsal/contract.ts';
import { code, table } from './markdown.ts';

const TITLES: Readonly<Record<Group, string>> = {
  media: 'The medium',
  attachment: 'Plugging and pulling',
  identity: 'Which disk it is',
  storage: 'The store',
  station: 'The station itself',
};
const HEAD = ['fault', 'how it is made', 'what must happen', 'what the technician reads'];

/** A table for each group that has faults. */
export function faultTables(): string {
  return GROUPS.map((group) => ({ group, faults: CATALOGUE.filter((f) => f.group === group) }))
    .filter(({ faults }) => faults.length > 0)
    .map(({ group, faults }) => {
      const rows = faults.map(({ name, slow, made, happens, reads }) => [
        slow === true ? `${code(name)} (slow)` : code(name),
        ...[made, happens, reads],
      ]);
      return `## ${TITLES[group]}\n\n${table(HEAD, rows)}`;
    })
    .join('\n\n');
}

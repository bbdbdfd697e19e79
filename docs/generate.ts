import { readFileSync, writeFileSync } from 'node:fs';
import { alertTable, resolutionTable } from './blocks/alerts.ts';
import { configurationTable, storageAccounts } from './blocks/configuration.ts';
import {
  developmentDependencies,
  optionalDependencies,
  runtimeDependencies,
} from './blocks/dependencies.ts';
import { errorParagraphs } from './blocks/errors.ts';
import { faultTables } from './blocks/faults.ts';
import { dependencyDiagram, roomsTable } from './blocks/house.ts';
import { limitsTable } from './blocks/limits.ts';
import { driveDiagram, driveTable, jobDiagram, jobTable } from './blocks/states.ts';

/**
 * `npm run docs`: writes what the code knows into the pages, between a marker with the name of the
 * block and the next `end` marker. Everything around the blocks is written by hand. A test compares
 * the pages with what this would write.
 */

type Blocks = Readonly<Record<string, () => string>>;

export const PAGES: Readonly<Record<string, Blocks>> = {
  'ARCHITECTURE.md': {
    rooms: roomsTable,
    dependencies: dependencyDiagram,
    'drive-states': driveTable,
    'drive-diagram': driveDiagram,
    'job-states': jobTable,
    'job-diagram': jobDiagram,
    alerts: alertTable,
    resolutions: resolutionTable,
  },
  'LIMITS.md': { limits: limitsTable },
  'ERRORS.md': { errors: errorParagraphs },
  'FAULTS.md': { faults: faultTables },
  'CONFIGURATION.md': { keys: configurationTable, accounts: storageAccounts },
  'DEPENDENCIES.md': {
    runtime: runtimeDependencies,
    optional: optionalDependencies,
    development: developmentDependencies,
  },
};

export function readPage(page: string): string {
  return readFileSync(new URL(page, import.meta.url), 'utf8');
}

/** The page with every block as the code says it today. */
export function renderPage(page: string, before = readPage(page)): string {
  let text = before;
  for (const [name, render] of Object.entries(PAGES[page] ?? {})) {
    text = withBlock(text, name, render());
  }
  return text;
}

/** Throws a `RangeError` for a page without the markers: a block that nobody sees is a mistake. */
function withBlock(text: string, name: string, content: string): string {
  const begin = `<!-- generated: ${name} -->`;
  const end = `<!-- end: ${name} -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new RangeError(`no markers for ${name}`);
  return `${text.slice(0, from)}${begin}\n\n${content}\n\n${text.slice(to)}`;
}

if (import.meta.main) {
  for (const page of Object.keys(PAGES)) {
    writeFileSync(new URL(page, import.meta.url), renderPage(page));
  }
}

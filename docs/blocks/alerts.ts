import { ALERTS, RESOLUTIONS } from '../../src/domain/alert-texts.ts';
import { code, table } from './markdown.ts';

/** The kinds of alerts, with what to do and what can be answered. */
export function alertTable(): string {
  const rows = Object.entries(ALERTS).map(([kind, { title, nextStep, resolutions }]) => [
    code(kind),
    title,
    nextStep,
    resolutions.map((name) => code(name)).join(', '),
  ]);
  return table(['kind', 'title', 'what to do', 'answers'], rows);
}

/** What each answer makes the station do. */
export function resolutionTable(): string {
  const rows = Object.entries(RESOLUTIONS).map(([name, words]) => [code(name), words]);
  return table(['answer', 'what follows'], rows);
}

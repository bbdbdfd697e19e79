import { DRIVE_TRANSITIONS } from '../../src/domain/drive-state.ts';
import { JOB_TRANSITIONS } from '../../src/domain/job-state.ts';
import { code, mermaid, table } from './markdown.ts';

type Transitions = Readonly<Record<string, Readonly<Record<string, string | undefined>>>>;

interface Arrow {
  readonly from: string;
  readonly event: string;
  readonly to: string;
}

export const driveTable = () => stateTable(DRIVE_TRANSITIONS);
export const driveDiagram = () => stateDiagram(DRIVE_TRANSITIONS, 'Specified');
export const jobTable = () => stateTable(JOB_TRANSITIONS);
export const jobDiagram = () => stateDiagram(JOB_TRANSITIONS, 'Creating');

function stateTable(transitions: Transitions): string {
  const rows = arrowsOf(transitions).map(({ from, event, to }) => [from, code(event), to]);
  const ends = endsOf(transitions).map((state) => [state, 'none', 'the end']);
  return table(['in state', 'on event', 'goes to'], [...rows, ...ends]);
}

function stateDiagram(transitions: Transitions, first: string): string {
  const arrows = arrowsOf(transitions).map(
    ({ from, event, to }) => `  ${from} --> ${to}: ${event}`,
  );
  const ends = endsOf(transitions).map((state) => `  ${state} --> [*]`);
  return mermaid(['stateDiagram-v2', `  [*] --> ${first}`, ...arrows, ...ends]);
}

function arrowsOf(transitions: Transitions): Arrow[] {
  return Object.entries(transitions).flatMap(([from, events]) =>
    Object.entries(events).flatMap(([event, to]) => (to === undefined ? [] : { from, event, to })),
  );
}

function endsOf(transitions: Transitions): string[] {
  const states = Object.entries(transitions);
  return states.filter(([, events]) => Object.keys(events).length === 0).map(([state]) => state);
}

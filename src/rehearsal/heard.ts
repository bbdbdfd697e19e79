import { pageModel } from '../console/model.ts';
import { dockWords, stuckWords } from '../console/words.ts';
import type { StationView } from '../serve/wire.ts';

/** All that a technician can read of a view, each text once. */
export function textsOf(view: StationView): string[] {
  const { station } = view;
  const model = pageModel(view);
  const cards = [...model.bays, ...model.unplugged, ...model.absent];
  const faults = [...view.drives, ...view.jobs].map(({ fault }) => fault);
  const texts = [
    station.detection.known ? null : station.detection.reason,
    station.storage.kind === 'away' ? station.storage.reason : null,
    stuckWords(station),
    ...cards.flatMap(({ words }) => [words.label, words.detail]),
    ...view.disks.map(({ match }) => match.reason),
    ...view.disks.map(({ unreliableDock: dock }) => (dock === null ? null : dockWords(dock))),
    ...faults.flatMap((fault) => [fault?.reason, fault?.nextStep]),
    ...view.drives.flatMap(({ verdict }) => verdict?.reasons.map(({ words }) => words) ?? []),
    ...view.alerts.flatMap(({ title, reason, nextStep }) => [title, reason, nextStep]),
  ];
  return texts.filter((text): text is string => typeof text === 'string');
}

/** The phrases of a line of the catalogue: what stands in “quotes”. */
export function phrasesOf(line: string): string[] {
  return [...line.matchAll(/“([^”]+)”/gu)].map(([, phrase]) => phrase ?? '');
}

/** Whether a text has the phrase in it; `…` in the phrase stands for anything. */
export function hasPhrase(text: string, phrase: string): boolean {
  let at = 0;
  for (const part of phrase.split('…')) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return true;
}

/** What could be read while a fault was played, and the disks that were seen and are none of the stage. */
export class Heard {
  readonly #texts = new Set<string>();
  readonly #strangers = new Set<string>();

  view(view: StationView): void {
    for (const text of textsOf(view)) this.#texts.add(text);
    for (const { transport, devicePath } of view.disks) {
      if (transport !== 'loop') this.#strangers.add(devicePath);
    }
  }

  text(text: string): void {
    this.#texts.add(text);
  }

  /** Whether a phrase could be read, here or in these other texts. */
  has(phrase: string, others: readonly string[]): boolean {
    return [...this.#texts, ...others].some((text) => hasPhrase(text, phrase));
  }

  get strangers(): readonly string[] {
    return [...this.#strangers];
  }
}

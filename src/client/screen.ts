import type { LinkUpdate } from '../console/link.ts';
import type { StationView } from '../serve/wire.ts';
import { renderTable, type TableOptions } from './table.ts';

/**
 * What a terminal shows of a station that is followed. Without a connection it is the table of before,
 * and nothing in it may be pulled. Pure.
 */
export function renderScreen(
  { status, view }: Pick<LinkUpdate, 'status' | 'view'>,
  options: TableOptions,
): string {
  const isLost = status.kind === 'lost';
  const shown = isLost && view !== undefined ? unseen(view) : view;
  const table = shown === undefined ? '' : renderTable(shown, options);
  if (!isLost) return table;
  return `${table}\n! No connection (${status.reason}); the table is of before. Trying again …`;
}

function unseen(view: StationView): StationView {
  const { mode } = view.station.detection;
  const detection = { mode, known: false, reason: 'no connection' } as const;
  return { ...view, station: { ...view.station, detection } };
}

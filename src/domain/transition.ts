/**
 * A transition table as data: for each state, the state that each event leads to. An event that is
 * not listed for a state is refused there. Diagrams and documentation are generated from the table.
 */
export type TransitionTable<State extends string, Event extends string> = {
  readonly [From in State]: { readonly [On in Event]?: State };
};

export type TransitionAnswer<State extends string> =
  | { readonly allowed: true; readonly to: State }
  | { readonly allowed: false; readonly reason: string };

export function applyEvent<State extends string, Event extends string>(
  table: TransitionTable<State, Event>,
  from: State,
  event: Event,
): TransitionAnswer<State> {
  const to = table[from][event];
  if (to !== undefined) return { allowed: true, to };
  const known = Object.keys(table[from]).join(', ') || 'no event at all';
  return { allowed: false, reason: `${from} does not answer to "${event}" (it takes ${known})` };
}

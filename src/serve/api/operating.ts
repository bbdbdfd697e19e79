import type { OperatorActions } from '../operator-actions.ts';
import { alertRoutes } from './alerting.ts';
import { leadingRoutes } from './leading.ts';
import { returnRoutes } from './packing.ts';
import type { StationRoute } from './route.ts';
import { parcelRoutes } from './unpacking.ts';

/** The routes of operators: alerts, parcels, and a job's way when it is not the usual one. */
export function operatorRoutes(actions: OperatorActions): StationRoute[] {
  return [
    ...alertRoutes(actions),
    ...parcelRoutes(actions),
    ...returnRoutes(actions),
    ...leadingRoutes(actions),
  ];
}

import type { StationActions } from './actions.ts';
import { actionRoutes } from './api/acting.ts';
import { type BindingOptions, boundRoutes } from './api/binding.ts';
import { type OpenApiDocument, openApiDocument, openApiShape } from './api/openapi.ts';
import { operatorRoutes } from './api/operating.ts';
import { readRoutes } from './api/reading.ts';
import { defineRead, type StationRoute } from './api/route.ts';
import type { OperatorActions } from './operator-actions.ts';
import type { Routes } from './routes.ts';
import type { StationView } from './wire.ts';

export interface StationRoutesDependencies {
  readonly actions: StationActions;
  readonly operators: OperatorActions;
  /** Of the station's software; the OpenAPI document names it. */
  readonly version: string;
  /** The view of this moment; the feed's may be a fraction of a second older. */
  view(): StationView;
}

export type ApiDependencies = StationRoutesDependencies & BindingOptions;

/** The station API, version 1: what is true, and the few things a person may ask for. */
export function apiRoutes(dependencies: ApiDependencies): Routes {
  return boundRoutes(stationRoutes(dependencies), dependencies);
}

/** The same as data, the document that describes it included. */
export function stationRoutes({ actions, operators, version, view }: StationRoutesDependencies) {
  const ownDescription = defineRead({
    path: '/api/v1/openapi.json',
    id: 'getOpenApi',
    tag: 'station',
    summary: 'This document',
    answer: openApiShape,
    handle: () => document,
  });
  const routes: StationRoute[] = [
    ...readRoutes(view),
    ...actionRoutes(actions),
    ...operatorRoutes(operators),
    ownDescription,
  ];
  const document: OpenApiDocument = openApiDocument(routes, version);
  return routes;
}

import { z } from 'zod';
import { helpFor } from '../../error-help/catalogue.ts';
import type { ErrorCode } from '../../errors.ts';
import { statusOf } from '../problem.ts';
import type { Verb } from '../routes.ts';
import { actionHeaders, REPLAYED_HEADER } from './headers.ts';
import { type JsonSchema, jsonSchemas } from './json-schema.ts';
import type { RouteDeclaration, StationRoute, Tag } from './route.ts';
import { problem } from './shapes.ts';

/** The OpenAPI document of the station API, made of the schemas that its requests are checked with. */

export const openApiShape = z
  .looseObject({ openapi: z.literal('3.1.1') })
  .describe('An OpenAPI document.');

export interface OpenApiDocument extends z.output<typeof openApiShape> {
  readonly openapi: '3.1.1';
  readonly info: { readonly [member: string]: unknown };
  readonly tags: readonly { readonly name: Tag; readonly description: string }[];
  readonly paths: { readonly [path: string]: PathItem };
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly headers: Readonly<Record<string, object>>;
    readonly parameters: Readonly<Record<string, Parameter>>;
    readonly responses: Readonly<Record<string, Response>>;
  };
}

export type PathItem = { readonly [V in Lowercase<Verb>]?: Operation };

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly Tag[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly (Parameter | Reference)[];
  readonly requestBody?: { readonly required: true; readonly content: JsonContent };
  readonly responses: Readonly<Record<string, Response | Reference>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

export interface Response {
  readonly description: string;
  readonly headers?: Readonly<Record<string, object>>;
  readonly content: JsonContent;
}

interface Reference {
  readonly $ref: string;
}

interface JsonContent {
  readonly 'application/json': { readonly schema: JsonSchema };
}

const TAGS: { readonly [T in Tag]: string } = {
  station: 'The station itself.',
  jobs: 'Jobs and the drives on their lists.',
  disks: 'What is plugged in.',
  parcels: 'Parcels that come in and go back, and the extra drives in them.',
  alerts: 'What waits for an operator.',
  events: 'What happened, in a log that shows when it was altered.',
};

const DESCRIPTION = `What is true in the station, and the few things a person may ask for.

All times are ISO 8601 in UTC, all sizes are bytes, absent values are \`null\`. An answer may gain members; nothing else about it changes within version 1. The live feed over WebSocket is described in docs/PROTOCOL.md.`;

const HEADERS = {
  Location: { description: 'Where what was made is.', schema: { type: 'string' } },
  [REPLAYED_HEADER]: {
    description: '`true` when this answer was given before and nothing was done this time.',
    schema: { const: 'true' },
  },
};

export function openApiDocument(routes: readonly StationRoute[], version: string): OpenApiDocument {
  const { schemas, of } = jsonSchemas([problem, actionHeaders, ...routes.flatMap(schemasOf)]);
  const license = { name: 'Apache 2.0', identifier: 'Apache-2.0' };
  return {
    openapi: '3.1.1',
    info: { title: 'Drive Station', version, description: DESCRIPTION, license },
    tags: Object.entries(TAGS).map(([name, description]) => ({ name: name as Tag, description })),
    paths: pathsOf(routes, of),
    components: {
      schemas,
      headers: HEADERS,
      parameters: Object.fromEntries(
        parametersOf(of(actionHeaders), 'header').map((header) => [header.name, header]),
      ),
      responses: { Problem: problemResponse(UNFORESEEN, of(problem)) },
    },
  };
}

type SchemaOf = (schema: z.ZodType) => JsonSchema;

const UNFORESEEN =
  'Any other refusal: the codes of HTTP itself, such as `body-not-json` or `origin-not-allowed`, and `internal-error`, whose details are in the log.';

function schemasOf({ params, query, body, answer }: RouteDeclaration): z.ZodType[] {
  return [params, query, body?.schema, answer].filter((schema) => schema !== undefined);
}

function pathsOf(routes: readonly StationRoute[], of: SchemaOf): Record<string, PathItem> {
  const paths: Record<string, PathItem> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/gu, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, of) };
  }
  return paths;
}

function operationOf(route: StationRoute, of: SchemaOf): Operation {
  const { id, tag, summary, description, params, query, body } = route;
  const parameters = [
    ...(params === undefined ? [] : parametersOf(of(params), 'path')),
    ...(query === undefined ? [] : parametersOf(of(query), 'query')),
    ...(route.method === 'GET' ? [] : headerReferences()),
  ];
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: { required: true, content: json(of(body.schema)) } }),
    responses: responsesOf(route, of),
  };
}

/** Each member of an object as a parameter of its own. */
function parametersOf(schema: JsonSchema, place: Parameter['in']): Parameter[] {
  const { properties = {}, required = [] } = schema;
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = typeof property === 'boolean' ? {} : property;
    return {
      name,
      in: place,
      required: required.includes(name),
      ...(description !== undefined && { description }),
      schema: rest,
    };
  });
}

function headerReferences(): Reference[] {
  return Object.keys(actionHeaders.shape).map((name) => ({
    $ref: `#/components/parameters/${name}`,
  }));
}

function responsesOf(route: StationRoute, of: SchemaOf): Operation['responses'] {
  const { status = 200, answer } = route;
  const success: Response = { description: successOf(route), content: json(of(answer)) };
  const isAction = route.method !== 'GET';
  const location = isAction && route.location !== undefined && headerOf('Location', 'location');
  return {
    [status]: isAction ? replayable(success, location || {}) : success,
    ...refusalsOf(route, of(problem)),
    default: { $ref: '#/components/responses/Problem' },
  };
}

function successOf({ method, summary, status }: StationRoute): string {
  if (method === 'GET') return `${summary}.`;
  return status === 201 ? 'It was made.' : 'It was done.';
}

/** One response for each status, with the codes that it can have. */
function refusalsOf(route: StationRoute, shape: JsonSchema): Record<string, Response> {
  const isAction = route.method !== 'GET';
  const takesAnything = isAction || route.params !== undefined || route.query !== undefined;
  const codes: ErrorCode[] = [
    ...(takesAnything ? (['request-invalid'] as const) : []),
    ...(route.errors ?? []),
    ...(isAction ? (['idempotency-key-reused'] as const) : []),
  ];
  return Object.fromEntries(
    [...Map.groupBy(codes, statusOf)].map(([status, some]) => {
      const words = some.map((code) => `\`${code}\`: ${helpFor(code).meaning}`);
      const refused = problemResponse(words.join('\n\n'), shape);
      return [status, isAction ? replayable(refused) : refused];
    }),
  );
}

/** What can be an answer from an earlier time. */
function replayable(response: Response, more: Response['headers'] = {}): Response {
  return { ...response, headers: { ...more, ...headerOf(REPLAYED_HEADER, REPLAYED_HEADER) } };
}

function headerOf(component: keyof typeof HEADERS, name: string): Record<string, Reference> {
  return { [name]: { $ref: `#/components/headers/${component}` } };
}

function problemResponse(description: string, shape: JsonSchema): Response {
  return { description, content: json(shape) };
}

function json(schema: JsonSchema): JsonContent {
  return { 'application/json': { schema } };
}

import { z } from 'zod';
import type { ErrorCode } from '../../errors.ts';
import type { Ledger } from '../../ledger/contract.ts';
import type { Acting } from '../actions.ts';
import { parsed } from '../problem.ts';
import type { Verb } from '../routes.ts';

/**
 * A route of the station API as data: what it takes, what it answers and how it can refuse, each as a
 * schema, with the work that it does. The same schemas check requests, check the answers in tests, and
 * make the OpenAPI document, so that none of the three can say something else than the others.
 */
export type StationRoute = ReadRoute | ActionRoute;

export type Tag = 'station' | 'jobs' | 'disks' | 'parcels' | 'alerts' | 'events';

/** What a route shows of itself, whatever it does. */
export interface RouteDeclaration {
  /** `:name` stands for one part of the path, as the schema of `params` describes it. */
  readonly path: `/api/v1/${string}`;
  /** Names the operation in the OpenAPI document, and so in generated clients. */
  readonly id: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: BodyReader<unknown>;
  readonly answer: z.ZodType;
  /** Of an answer that is no refusal; 200 where it is left out. */
  readonly status?: 200 | 201;
  /** The refusals beside `request-invalid`, which every route has that takes anything. */
  readonly errors?: readonly ErrorCode[];
}

/** A body's schema, and how it is read where its problems have a code of their own. */
export interface BodyReader<Body> {
  readonly schema: z.ZodType;
  read(content: unknown): Body;
}

/** The parts of a request as they came. */
export interface RawRequest {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

export interface ReadRoute extends RouteDeclaration {
  readonly method: 'GET';
  /** Throws what is wrong with the request; the answer does the work. */
  prepare(request: RawRequest): (ledger: Ledger) => Promise<unknown>;
}

export interface ActionRoute extends RouteDeclaration {
  readonly method: Exclude<Verb, 'GET'>;
  /** As for a read. What the answer throws while it works is the refusal. */
  prepare(request: RawRequest): (by: Acting) => Promise<unknown>;
  /** The member of the answer that, put after the path, is the address of what was made. */
  readonly location?: string;
}

type Nothing = z.ZodObject<Record<never, never>>;

interface Input<P extends z.ZodType, Q extends z.ZodType, Body> {
  readonly params: z.output<P>;
  readonly query: z.output<Q>;
  readonly body: Body;
}

/** `RouteDeclaration` with the types of its schemas. */
interface Typed<P extends z.ZodObject, Q extends z.ZodObject, Body, A extends z.ZodType>
  extends RouteDeclaration {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: BodyReader<Body>;
  readonly answer: A;
}

export interface ReadDefinition<P extends z.ZodObject, Q extends z.ZodObject, A extends z.ZodType>
  extends Omit<Typed<P, Q, undefined, A>, 'body'> {
  handle(
    input: Input<P, Q, undefined>,
    ledger: Ledger,
  ): z.input<NoInfer<A>> | Promise<z.input<NoInfer<A>>>;
}

export interface ActionDefinition<P extends z.ZodObject, Body, A extends z.ZodType>
  extends Omit<Typed<P, Nothing, Body, A>, 'query'> {
  readonly method: ActionRoute['method'];
  handle(input: Input<P, Nothing, Body>, by: Acting): Promise<z.input<NoInfer<A>>>;
  readonly location?: keyof z.output<NoInfer<A>> & string;
}

/** A route that changes nothing. */
export function defineRead<
  A extends z.ZodType,
  P extends z.ZodObject = Nothing,
  Q extends z.ZodObject = Nothing,
>(definition: ReadDefinition<P, Q, A>): ReadRoute {
  const { handle, ...declaration } = definition;
  return {
    ...declaration,
    method: 'GET',
    prepare: (request) => {
      const input = inputOf<P, Q, undefined>(definition, request);
      return async (ledger) => handle(input, ledger);
    },
  };
}

/** A route that does something: it is told who asks, and works on the ledger that it is given. */
export function defineAction<
  A extends z.ZodType,
  P extends z.ZodObject = Nothing,
  Body = undefined,
>(definition: ActionDefinition<P, Body, A>): ActionRoute {
  const { handle, ...declaration } = definition;
  return {
    ...declaration,
    prepare: (request) => {
      const input = inputOf<P, Nothing, Body>(definition, request);
      return (by) => handle(input, by);
    },
  };
}

/** A body that is simply what its schema says. */
export function bodyOf<S extends z.ZodType>(schema: S): BodyReader<z.output<S>> {
  return { schema, read: (content) => parsed(schema, content) };
}

const nothing = z.object({});

function inputOf<P extends z.ZodObject, Q extends z.ZodObject, Body>(
  { params, query, body }: Partial<Typed<P, Q, Body, z.ZodType>>,
  request: RawRequest,
): Input<P, Q, Body> {
  const input = {
    params: parsed(params ?? nothing, request.params),
    query: parsed(query ?? nothing, request.query),
    body: body?.read(request.body),
  };
  // Each part went through its own schema; where there is none, its type is that of nothing.
  return input as Input<P, Q, Body>;
}

/** A value that must not be mixed with others of its base type; made only by the parser of its kind. */
export type Brand<Base, Name extends string> = Base & { readonly __brand: Name };

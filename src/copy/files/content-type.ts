import mime from 'mime';

/** The media type that a file's name promises, by the registry; `undefined` for a name that says none. */
export function contentTypeOf(name: string): string | undefined {
  return mime.getType(name) ?? undefined;
}

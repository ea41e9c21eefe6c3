/** A place in a result, as graphql-js keeps it. */
interface Path {
  readonly prev: Path | undefined;
  readonly key: string | number;
}

/** The place as a text by which it can be found again. */
export const pathKey = (path: Path): string => (path.prev === undefined ? '' : `${pathKey(path.prev)}/`) + path.key;

import path from 'node:path';

const built = path.resolve(import.meta.dirname, '../../..');
const sources = path.dirname(built);

/** Snapshots are kept beside the sources of the tests, which run as built. */
export default {
  testPathForConsistencyCheck: path.join(built, 'test/example.test.js'),

  resolveSnapshotPath(test: string, extension: string): string {
    const { dir, name } = path.parse(path.relative(built, test));
    return path.join(sources, dir, '__snapshots__', `${name}.ts${extension}`);
  },

  resolveTestPath(snapshot: string, extension: string): string {
    const { dir, base } = path.parse(path.relative(sources, snapshot));
    return path.join(built, path.dirname(dir), base.replace(`.ts${extension}`, '.js'));
  },
};

import { RunResources } from './shared-resources.js';

describe('what the steps of one run share', () => {
  test('is opened once and closed when the run ends, last opened first', async () => {
    const events: string[] = [];
    const resources = new RunResources();
    const get = (name: string) =>
      resources.get(
        name,
        async () => {
          events.push(`open ${name}`);
          return name;
        },
        async () => void events.push(`close ${name}`),
      );
    expect(await Promise.all([get('a'), get('a'), get('b')])).toEqual(['a', 'a', 'b']);
    await resources.close();
    expect(events).toEqual(['open a', 'open b', 'close b', 'close a']);
  });

  test('can be opened again after it failed to open', async () => {
    const resources = new RunResources();
    await expect(resources.get('x', () => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
    await expect(resources.get('x', async () => 'open')).resolves.toBe('open');
  });

  test('is all closed, also when some of it cannot be, and only then it is said what could not', async () => {
    const events: string[] = [];
    const resources = new RunResources();
    const refused = new Error('refused');
    const get = (name: string) =>
      resources.get(
        name,
        async () => name,
        async () => {
          events.push(`close ${name}`);
          if (name !== 'a') throw refused;
        },
      );
    for (const name of ['a', 'b', 'c']) await get(name);
    await expect(resources.close()).rejects.toMatchObject({ errors: [refused, refused] });
    expect(events).toEqual(['close c', 'close b', 'close a']);
  });

  test('is closed and given to nobody when it opens after the run has ended, and is not opened any more then', async () => {
    const resources = new RunResources();
    let finishOpening!: (value: string) => void;
    let closed = false;
    const opening = resources.get(
      'slow',
      () => new Promise<string>((resolve) => (finishOpening = resolve)),
      async () => void (closed = true),
    );
    await resources.close();
    finishOpening('open');
    await expect(opening).rejects.toThrow('has ended');
    expect(closed).toBe(true);
    await expect(resources.get('late', async () => 'x')).rejects.toThrow('has ended');
  });
});

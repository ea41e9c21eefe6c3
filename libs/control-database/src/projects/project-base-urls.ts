import { localUrl, type Config } from '#platform';

type BaseUrlConfig = Pick<Config, 'host' | 'dataPort' | 'baseDomain' | 'publicDataUrl' | 'pathRouting'>;

/**
 * The base URLs of a project by its slug, each with a closing slash: the canonical one on its own host first, then the
 * form under `/p/<slug>/` when path routing is on. Scheme and port are those of PUBLIC_DATA_URL, else of the data
 * plane's own listener.
 */
export function projectBaseUrls(config: BaseUrlConfig, slug: string): string[] {
  const data = new URL(config.publicDataUrl ?? localUrl(config.host, config.dataPort));
  const port = data.port === '' ? '' : `:${data.port}`;
  const canonical = `${data.protocol}//${slug}.${config.baseDomain}${port}/`;
  return config.pathRouting ? [canonical, `${data.href.replace(/\/*$/, '')}/p/${slug}/`] : [canonical];
}

/**
 * The base URL by which a request came, on which every link of its answer stands. Behind a proxy the scheme and the
 * host are the forwarded ones (TRUST_PROXY), or those of PUBLIC_DATA_URL when that is set.
 */
export interface PublicAddress {
  /** `https://fhir.example.org:8443`, without a path. */
  readonly origin: string;
  readonly scheme: string;
  readonly hostName: string;
  /** `:8443`, or empty for the scheme's own port. */
  readonly portSuffix: string;
}

/** Reads PUBLIC_DATA_URL, or the address this process listens on. */
export function publicAddress(url: string): PublicAddress {
  const { origin, protocol, hostname, port } = new URL(url);
  return { origin, scheme: protocol.slice(0, -1), hostName: hostname, portSuffix: port === '' ? '' : `:${port}` };
}

export interface RequestAddress {
  readonly scheme: string;
  /** Host name with port, as the client wrote it. */
  readonly host: string;
  /** The host name alone, in lower case. */
  readonly hostName: string;
  /** `/p/<slug>` when the path named the project, else empty. */
  readonly prefix: string;
}

/** The base URL of a request's route; it ends in a slash. */
export function requestBaseUrl(request: RequestAddress, baseDomain: string, fixed: PublicAddress | undefined): string {
  if (fixed === undefined) return `${request.scheme}://${request.host}${request.prefix}/`;
  const ownHost = request.hostName.endsWith(`.${baseDomain}`);
  const origin = ownHost ? `${fixed.scheme}://${request.hostName}${fixed.portSuffix}` : fixed.origin;
  return `${origin}${request.prefix}/`;
}

/** A project's base URL that does not depend on the request: the one that its tokens name as their issuer. */
export function canonicalBaseUrl(host: string, address: Pick<PublicAddress, 'scheme' | 'portSuffix'>): string {
  return `${address.scheme}://${host}${address.portSuffix}/`;
}

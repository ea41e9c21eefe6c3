/** The addresses that answers mention: of the request's route for links, and the project's own for tokens. */
import type { FastifyRequest } from 'fastify';
import { fhirVersion } from '#fhir';
import { canonicalBaseUrl, hostNameOf, hostsOf, type PublicAddress, requestBaseUrl, type TenantEntry } from '#tenancy';
import type { RequestTenant } from './request-tenant.js';

export interface BaseUrlOptions {
  readonly baseDomain: string;
  readonly pathRouting: boolean;
  /** PUBLIC_DATA_URL, when it is set. */
  readonly fixed: PublicAddress | undefined;
}

export class BaseUrls {
  private listening: PublicAddress | undefined;

  constructor(private readonly options: BaseUrlOptions) {}

  /** Tells where this process listens, which is known only once it does: without PUBLIC_DATA_URL that is its address. */
  listensAt(address: PublicAddress): void {
    this.listening = address;
  }

  /** The base URL by which the request came, with its slash. */
  ofRequest(request: FastifyRequest, tenant: RequestTenant): string {
    const host = request.host;
    const address = { scheme: request.protocol, host, hostName: hostNameOf(host), prefix: tenant.target.prefix };
    return requestBaseUrl(address, this.options.baseDomain, this.options.fixed);
  }

  /** The FHIR base by which the request came (`…/fhir/R4/` or `…/fhir/`), on which its links stand. */
  fhirBaseOfRequest(request: FastifyRequest, tenant: RequestTenant): string {
    const { fhirVersion } = tenant.target;
    return `${this.ofRequest(request, tenant)}fhir/${fhirVersion === undefined ? '' : `${fhirVersion}/`}`;
  }

  /** The base URL that the project's tokens name as their issuer. */
  canonicalOf(entry: TenantEntry): string {
    const canonical = entry.baseUrls.find((name) => name.canonical) ?? { kind: 'slug', name: entry.slug };
    const host = canonical.kind === 'slug' ? `${canonical.name}.${this.options.baseDomain}` : canonical.name;
    return canonicalBaseUrl(host, this.ownAddress());
  }

  /**
   * The address of the same thing below the project's canonical base URL, without the query: where a request that came
   * by a former slug should go.
   */
  canonicalOfRequest(request: FastifyRequest, entry: TenantEntry, prefix: string): string {
    const [path = '/'] = request.originalUrl.slice(prefix.length).split('?');
    // With the dot no path is taken for an address of its own.
    return new URL(`.${path.replace(/^\/*/, '/')}`, this.canonicalOf(entry)).href;
  }

  /** What a request's names are compared with. */
  get baseDomain(): string {
    return this.options.baseDomain;
  }

  /**
   * Whether a token's issuer is a base URL of the project, past ones included. Only the host counts: replicas may
   * listen on different ports, and the signature says which project signed.
   */
  isIssuer(entry: TenantEntry, issuer: unknown): boolean {
    if (typeof issuer !== 'string') return false;
    const host = /^https?:\/\/([^/]+)\/$/.exec(issuer)?.[1];
    return host !== undefined && hostsOf(entry, this.options.baseDomain).includes(hostNameOf(host));
  }

  /** Every FHIR base of the project: below them a reference is one to the project itself. */
  fhirBasesOf(entry: TenantEntry): string[] {
    const address = this.ownAddress();
    const bases = hostsOf(entry, this.options.baseDomain).map((host) => canonicalBaseUrl(host, address));
    if (this.options.pathRouting) {
      for (const { kind, name } of entry.baseUrls) if (kind === 'slug') bases.push(`${address.origin}/p/${name}/`);
    }
    const { label } = fhirVersion(entry.fhirVersion);
    // The longer one first, because a reference is compared with each in turn.
    return bases.flatMap((base) => [`${base}fhir/${label}/`, `${base}fhir/`]);
  }

  private ownAddress(): PublicAddress {
    const address = this.options.fixed ?? this.listening;
    if (address === undefined) throw new Error('The data plane is not listening yet.');
    return address;
  }
}

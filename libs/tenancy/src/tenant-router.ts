/**
 * Which tenant a request is for. Outcomes: an entry (the host, the path or the header names a project of the
 * directory), `unknown` (one of them names a project that the directory does not have; it may appear after a
 * catch-up), `ambiguous` (they name different projects), `none` (the request is for the platform's own address and
 * names no project).
 *
 * Pure but for the directory's maps: no I/O and no memory of what was asked, so a flood of invented hosts costs map
 * look-ups only.
 */
import type { TenantEntry } from './tenant-entry.js';

/** What the router needs of a TenantDirectory. */
export interface TenantLookup {
  findBySlug(slug: string): TenantEntry | undefined;
  findByDomain(host: string): TenantEntry | undefined;
  findById(projectId: string): TenantEntry | undefined;
}

export interface RouterOptions {
  /** Projects answer on `<slug>.<baseDomain>`. */
  readonly baseDomain: string;
  /** Host name of PUBLIC_DATA_URL, when it is set: one more of the platform's own addresses. */
  readonly publicHost?: string;
}

/** The places of a request that can name a project. */
export interface RequestNames {
  /** The Host header, or the forwarded one when it comes from a trusted proxy. */
  readonly host: string | undefined;
  /** `<slug>` of `/p/<slug>/`, or undefined. */
  readonly path: string | undefined;
  /** The value of `X-Project`: a slug or a project id. */
  readonly header: string | undefined;
}

/** A slug or a project id; anything else is unknown without a look-up. */
const PROJECT_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const IP_ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/;

export class TenantRouter {
  private readonly hostSuffix: string;

  constructor(
    private readonly directory: TenantLookup,
    private readonly options: RouterOptions,
  ) {
    this.hostSuffix = `.${options.baseDomain}`;
  }

  /**
   * Host before path before header: a later one may repeat the project that an earlier one names, and is ambiguous
   * when it names anything else, an unknown project included, so that the answer does not tell which projects exist.
   */
  route(names: RequestNames): TenantEntry | 'unknown' | 'ambiguous' | 'none' {
    let entry = this.byHost(hostNameOf(names.host));
    if (entry === 'unknown') return entry;
    if (names.path !== undefined) {
      const byPath = this.bySlug(names.path) ?? 'unknown';
      if (entry !== 'none' && byPath !== entry) return 'ambiguous';
      entry = byPath;
    }
    if (names.header !== undefined && names.header !== '' && entry !== 'unknown') {
      const byHeader = this.bySlug(names.header) ?? this.byId(names.header) ?? 'unknown';
      if (entry !== 'none' && byHeader !== entry) return 'ambiguous';
      entry = byHeader;
    }
    return entry;
  }

  private byHost(hostName: string): TenantEntry | 'unknown' | 'none' {
    if (hostName.endsWith(this.hostSuffix)) {
      return this.bySlug(hostName.slice(0, -this.hostSuffix.length)) ?? 'unknown';
    }
    return this.isPlatformHost(hostName) ? 'none' : (this.directory.findByDomain(hostName) ?? 'unknown');
  }

  private bySlug(slug: string): TenantEntry | undefined {
    return PROJECT_NAME.test(slug) ? this.directory.findBySlug(slug) : undefined;
  }

  private byId(id: string): TenantEntry | undefined {
    return PROJECT_NAME.test(id) ? this.directory.findById(id) : undefined;
  }

  /**
   * The platform's own addresses: the base domain itself, the public one, IP addresses, and names of one label
   * (`localhost`, a service name in a container network). A project's own domain always has a dot, so none of them
   * can ever be a project's.
   */
  private isPlatformHost(hostName: string): boolean {
    return (
      hostName === this.options.baseDomain ||
      hostName === this.options.publicHost ||
      !hostName.includes('.') ||
      IP_ADDRESS.test(hostName)
    );
  }
}

/** Lower case, without port and without the root's dot; empty when there is no host (HTTP/1.0). */
export function hostNameOf(host: string | undefined): string {
  if (host === undefined) return '';
  const name = host.toLowerCase();
  const portAt = name.lastIndexOf(':');
  const withoutPort = portAt > name.lastIndexOf(']') ? name.slice(0, portAt) : name;
  return withoutPort.endsWith('.') ? withoutPort.slice(0, -1) : withoutPort;
}

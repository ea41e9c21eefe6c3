import { randomBytes } from 'node:crypto';

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * A name for a tenant database or its role: `fp_` and 26 characters of base 32 (RFC 4648 alphabet in lower case), 130
 * random bits. Every role of a cluster can read the names in PostgreSQL's shared catalogs, so they say nothing.
 */
export function randomTenantName(): string {
  let name = 'fp_';
  // 256 is a multiple of 32, so the low five bits of a random byte are unbiased.
  for (const byte of randomBytes(26)) name += alphabet.charAt(byte & 31);
  return name;
}

/** Whether a database or role has the form of name that we make. */
export function isTenantName(name: string): boolean {
  return /^fp_[a-z2-7]{26}$/.test(name);
}

/** The name under which a tenant database waits to be dropped: nobody who knows the old name can connect any more. */
export function trashName(databaseName: string): string {
  return `trash_${databaseName}`;
}

/**
 * The comment that marks a database or role as belonging to one row of one installation. The cluster's id is part of
 * it, because two installations may share a server, and neither may take the other's databases for its own.
 */
export function ownershipComment(clusterId: string, tenantDatabaseId: string): string {
  return `boxyard ${clusterId} tenant database ${tenantDatabaseId}`;
}

/** The comment that marks a template as made by one installation, which may then drop it. */
export function templateComment(clusterId: string): string {
  return `boxyard ${clusterId} template`;
}

/** The tenant database named by a comment of this cluster registration; undefined when the comment is not ours. */
export function ownerFromComment(clusterId: string, comment: string | null): string | undefined {
  const prefix = `boxyard ${clusterId} tenant database `;
  return comment?.startsWith(prefix) ? comment.slice(prefix.length) : undefined;
}

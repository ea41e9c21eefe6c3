import { workerConnections } from '#control-database';
import { rehearseSeeding } from '#fhir-store';
import { connectOnce, type DatabaseTarget, type OwnedConnection } from '#postgres';

/** They come out of what a cluster keeps back from the data planes, and that is for other work too. */
const mostPerCluster = workerConnections.spares;

/**
 * One open connection to a spare database that this worker has built, as the tenant's own role: whoever gives the spare
 * to a project writes its first resources over it, and neither dials nor waits for the backend's caches to fill. A spare
 * of another worker, or of an earlier run of this one, has none here; nor has one of many.
 */
export class SpareConnections {
  private readonly connections = new Map<
    string,
    { readonly clusterId: string; readonly connection: OwnedConnection }
  >();
  private closed = false;

  /**
   * Connects to a spare, which also proves that login and rights work and leaves the relation cache file behind that
   * only the first connection of a database has to make.
   */
  async open(target: DatabaseTarget): Promise<void> {
    const connection = await connectOnce(target);
    try {
      await rehearseSeeding(connection);
    } catch (error) {
      await connection.close();
      throw error;
    }
    const { key, clusterId } = target;
    const kept = [...this.connections.values()].filter((one) => one.clusterId === clusterId && one.connection.isOpen);
    if (this.closed || kept.length >= mostPerCluster) await connection.close();
    else this.connections.set(key, { clusterId, connection });
  }

  /** The connection to the tenant database of this id, if it is still good. It is the caller's from now on. */
  take(tenantDatabaseId: string): OwnedConnection | undefined {
    const connection = this.connections.get(tenantDatabaseId)?.connection;
    this.connections.delete(tenantDatabaseId);
    return connection?.isOpen === true ? connection : undefined;
  }

  /** Closes the connections to databases that are no longer spare: another worker has given them to a project. */
  async keepOnly(spareIds: ReadonlySet<string>): Promise<void> {
    await this.closeAll([...this.connections.keys()].filter((id) => !spareIds.has(id)));
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.closeAll([...this.connections.keys()]);
  }

  private async closeAll(ids: readonly string[]): Promise<void> {
    const closing = ids.flatMap((id) => this.connections.get(id) ?? []);
    for (const id of ids) this.connections.delete(id);
    await Promise.all(closing.map(({ connection }) => connection.close()));
  }
}

import type { Cluster } from '#control-database';
import { aControlPlane, type ControlPlane, type Reply, type RequestOptions } from './control-plane.fixture.js';
import { FleetRows, testMigrations, type FleetProject } from './rollout-rows.fixture.js';

/** A JSON object of an answer: a test says what it expects in it. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Shown = Record<string, any>;

/** The request was refused for exactly these of its fields. */
export function expectInvalid({ status, body }: Reply, ...fields: string[]): void {
  expect({ status, code: body.code }).toEqual({ status: 400, code: 'validation' });
  expect((body.errors as { field: string }[]).map(({ field }) => field)).toEqual(fields);
}

/** A control plane with four projects on two clusters, and rollouts over them that no worker ever carries out. */
export class PaperFleet {
  private constructor(
    readonly plane: ControlPlane,
    readonly rows: FleetRows,
    readonly near: Cluster,
    readonly far: Cluster,
    readonly canary: FleetProject,
    /** Two on the near cluster, of which the second has schema 2 already, and one on the far one. */
    readonly others: readonly [FleetProject, FleetProject, FleetProject],
  ) {}

  static async open(): Promise<PaperFleet> {
    const plane = await aControlPlane({ migrations: testMigrations });
    const rows = new FleetRows(plane);
    const near = await rows.aCluster('near', 'eu-west');
    const far = await rows.aCluster('far', 'us-east');
    const canary = await rows.aProject(near, { labels: { ring: 'canary' } });
    const others = [
      await rows.aProject(near),
      await rows.aProject(near, { schema: 2 }),
      await rows.aProject(far),
    ] as const;
    return new PaperFleet(plane, rows, near, far, canary, others);
  }

  close(): Promise<void> {
    return this.plane.stop();
  }

  /** Ends what a test has left under way, since one rollout at a time can run or be paused, and what holds projects up. */
  async reset(): Promise<void> {
    await this.rows.query(`UPDATE rollout SET state = 'aborted' WHERE state IN ('running', 'paused')`);
    await this.rows.query('UPDATE fleet SET target_version = 1');
    await this.rows.query(
      'UPDATE project SET schema_pin = NULL, schema_pin_until = NULL, schema_pin_reason = NULL, maintenance_window = NULL',
    );
  }

  send(method: string, route: string, body?: object, options: RequestOptions = {}): Promise<Reply> {
    return this.plane.send(method, route, { ...(body === undefined ? {} : { body }), ...options });
  }

  post(route: string, body?: object, options?: RequestOptions): Promise<Reply> {
    return this.send('POST', route, body, options);
  }

  async get(route: string): Promise<Shown> {
    return (await this.send('GET', route)).body as Shown;
  }

  async aPlannedRollout(body: object = { target: 3 }): Promise<string> {
    const reply = await this.post('/rollouts', body);
    expect(reply.status).toBe(202);
    return reply.body.id as string;
  }

  /** A started rollout with the rows that a worker writes when it begins: the canary failed, the others are to come. */
  async aRunningRollout(): Promise<string> {
    const { rows, canary, others } = this;
    const id = await this.aPlannedRollout({ target: 3, waves: [{ label: 'ring:canary' }] });
    expect((await this.post(`/rollouts/${id}/start`)).body).toMatchObject({ state: 'running', changed: true });
    await rows.aWave(id, 0, { label: 'ring:canary' }, 'running');
    await rows.aWave(id, 1, null, 'pending');
    const error = {
      migration: 'AddCapacity2',
      statement: { number: 1, text: 'ALTER TABLE slot ADD COLUMN capacity integer' },
      ...{ code: '42701', message: 'column "capacity" already exists', position: 28, isTransient: false },
    };
    await rows.member(id, canary, {
      ...{ state: 'failed', attempts: 1, duration_ms: 12, error: JSON.stringify(error), error_fingerprint: 'same' },
      ...{ started_at: new Date(Date.now() - 1_000), finished_at: new Date() },
    });
    for (const project of others) await rows.member(id, project, { wave: 1 });
    return id;
  }

  /** As if every project had this schema. */
  async haveSchema(version: number): Promise<void> {
    await this.rows.query(`UPDATE tenant_database SET schema_version = $1 WHERE state = 'claimed'`, [version]);
  }

  /** Every project has the schema again that it had at first. */
  async haveFirstSchemas(): Promise<void> {
    await this.haveSchema(1);
    await this.rows.query('UPDATE tenant_database SET schema_version = 2 WHERE project_id = $1', [this.others[1].id]);
  }
}

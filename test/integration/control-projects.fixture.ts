import { OperationRepository, ProjectRepository, type Operation } from '#control-database';
import {
  aControlPlane,
  aSlug,
  type ControlPlane,
  type Reply,
  type RequestOptions,
  until,
} from './control-plane.fixture.js';

/** What a project is created with. */
export const fields = (slug = aSlug(), more: object = {}) => ({
  ...{ slug, name: 'Quay Clinic', fhirVersion: '4.0.1' },
  ...more,
});

/** A control plane whose projects a test creates, and builds where a worker would. */
export class ProjectRequests {
  readonly operations: OperationRepository;
  readonly projects: ProjectRepository;

  private constructor(readonly plane: ControlPlane) {
    this.operations = new OperationRepository(plane.dataSource);
    this.projects = new ProjectRepository(plane.dataSource);
  }

  static async open(): Promise<ProjectRequests> {
    return new ProjectRequests(await aControlPlane());
  }

  close(): Promise<void> {
    return this.plane.stop();
  }

  create(body: object = fields(), options: RequestOptions = {}): Promise<Reply> {
    return this.plane.send('POST', '/projects', { body, ...options });
  }

  /** The operation that is to build the project of this name, once its creation is written. */
  async queued(slug: string): Promise<Operation> {
    let operation: Operation | undefined;
    await until(async () => {
      const project = await this.projects.find(slug);
      operation = project && (await this.operations.findUnfinished(project.id));
      return operation !== undefined;
    });
    return operation!;
  }

  /** Creates a project as `create` does and, as a worker would, builds it as soon as its operation is queued. */
  async createAndBuild(body: { slug: string } = fields(), options: RequestOptions = {}): Promise<Reply> {
    const reply = this.create(body, { ...options, headers: { prefer: 'wait=20', ...options.headers } });
    await this.plane.build((await this.queued(body.slug)).id);
    return reply;
  }

  async anActiveProject(): Promise<{ id: string; slug: string; etag: string }> {
    const slug = aSlug();
    const { body } = await this.create(fields(slug));
    await this.plane.build(body.operation.id as string);
    const { headers } = await this.plane.send('GET', `/projects/${slug}`);
    return { id: body.project.id as string, slug, etag: headers.get('etag')! };
  }
}

/** A data plane with a project from which tests export: patients of two organizations and what belongs to them. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { JsonObject } from '#fhir';
import { aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { JobClient } from './jobs.fixture.js';

/** `Patient/ana`, of a line of a file. */
export const identityOf = (line: string): string => {
  const { resourceType, id } = JSON.parse(line) as { resourceType: string; id: string };
  return `${resourceType}/${id}`;
};
export const identities = (lines: readonly string[]): string[] => lines.map(identityOf).sort();

const filedUnder = (name: string) => ({ meta: { accounts: [{ reference: `Organization/${name}` }] } });

/** What belongs to the near organization; the chart of one patient has something of the other. */
export const near: JsonObject[] = [
  { resourceType: 'Organization', id: 'near', name: 'Near' },
  { resourceType: 'Patient', id: 'ana', ...filedUnder('near'), name: [{ family: 'Quay' }], birthDate: '1970-01-02' },
  { resourceType: 'Patient', id: 'ben', ...filedUnder('near'), name: [{ family: 'Pier' }] },
  { resourceType: 'Practitioner', id: 'kim', name: [{ family: 'Kim' }] },
  ...['ana', 'ben'].map((id) => ({
    resourceType: 'Observation',
    id: `of-${id}`,
    status: 'final',
    code: { text: 'pulse' },
    subject: { reference: `Patient/${id}` },
    effectiveDateTime: '2020-05-06',
  })),
  {
    resourceType: 'Observation',
    id: 'of-both',
    status: 'preliminary',
    code: { text: 'pulse' },
    subject: { reference: 'Patient/ana' },
    performer: [{ reference: 'Patient/ben' }],
  },
];
/** A word that is nowhere but in what belongs to the far organization. */
const canary = 'qzxcanary';
export const far: JsonObject[] = [
  { resourceType: 'Organization', id: 'far', name: canary },
  { resourceType: 'Patient', id: 'far-patient', ...filedUnder('far'), name: [{ family: canary }] },
  {
    resourceType: 'Observation',
    id: 'far-observation',
    status: 'final',
    code: { text: canary },
    subject: { reference: 'Patient/far-patient' },
  },
];
/** What a member may see who belongs to the near organization. */
export const policy = {
  resource: [
    { resourceType: 'Organization', criteria: 'Organization?_id=near' },
    { resourceType: 'Patient', criteria: 'Patient?_compartment=Organization/near', hiddenFields: ['birthDate'] },
    { resourceType: 'Observation', criteria: 'Observation?_compartment=Organization/near' },
    { resourceType: 'Group' },
    { resourceType: 'Binary' },
  ],
};

/** The program of a project that has all this, and may have all of it exported. */
export class ExportClient extends JobClient {
  private constructor(
    plane: TestPlane,
    project: TestProject,
    private readonly dataDir: string,
  ) {
    super(plane, project);
  }

  static async open(): Promise<ExportClient> {
    const dataDir = mkdtempSync(path.join(tmpdir(), 'export-'));
    const plane = await aDataPlane({ dataDir });
    const client = new ExportClient(plane, await plane.createProject('bulk'), dataDir);
    for (const resource of [...near, ...far]) await client.put(resource);
    return client;
  }

  async close(): Promise<void> {
    await this.plane.close();
    rmSync(this.dataDir, { recursive: true });
  }

  /** The names of the files that are kept of all exports. */
  storedFiles(): string[] {
    return readdirSync(path.join(this.dataDir, 'files'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name);
  }
}

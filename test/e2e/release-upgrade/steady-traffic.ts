import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

/** A project as one of the data planes serves it. */
export interface ServedProject {
  /** The base of its FHIR routes, without a trailing slash. */
  readonly fhirUrl: string;
  readonly authorization: string;
}

/** What was asked and answered otherwise than it should have been. */
export interface FailedRequest {
  readonly request: string;
  readonly answer: string;
}

type Send = (method: string, path: string, body?: object) => Promise<{ status: number; text: string }>;

const clients = 2;
/** From one request of a client to its next: some forty a second in all. */
const everyMs = 50;

/**
 * Requests to all projects of one data plane in turns, as apps send them: reads, searches, creates, updates, transactions.
 * None is sent again, so that each failure counts.
 */
export class SteadyTraffic {
  readonly failures: FailedRequest[] = [];
  /** How many requests of each kind were answered as they should be. */
  readonly answered = new Map<string, number>();
  private readonly patients = new Map<ServedProject, string>();
  private turn = 0;
  private isOver = false;
  private ended: Promise<unknown> = Promise.resolve();

  constructor(private readonly projects: readonly ServedProject[]) {}

  /** Begins when each project has the patient that is read and changed from then on. */
  async start(): Promise<void> {
    for (const project of this.projects) {
      const { status, text } = await sender(project)('POST', '/Patient', patient('Steady'));
      if (status !== 201) throw new Error(`The first patient was answered ${status}: ${text}`);
      this.patients.set(project, (JSON.parse(text) as { id: string }).id);
    }
    this.ended = Promise.all(Array.from({ length: clients }, () => this.client()));
  }

  /** Ends with the answers to what is under way. */
  async stop(): Promise<void> {
    this.isOver = true;
    await this.ended;
  }

  private async client(): Promise<void> {
    while (!this.isOver) {
      const turn = this.turn++;
      const project = this.projects[turn % this.projects.length]!;
      const kind = kinds[Math.floor(turn / this.projects.length) % kinds.length]!;
      const started = performance.now();
      await this.ask(project, kind);
      await delay(Math.max(0, everyMs - (performance.now() - started)));
    }
  }

  private async ask(project: ServedProject, { name, expected, send }: Kind): Promise<void> {
    const request = `${name} at ${project.fhirUrl}`;
    try {
      const { status, text } = await send(sender(project), this.patients.get(project)!);
      if (status === expected) this.answered.set(name, (this.answered.get(name) ?? 0) + 1);
      else this.failures.push({ request, answer: `${status} ${text}` });
    } catch (error) {
      this.failures.push({ request, answer: String(error instanceof Error ? (error.cause ?? error) : error) });
    }
  }
}

interface Kind {
  readonly name: string;
  readonly expected: number;
  readonly send: (send: Send, patientId: string) => Promise<{ status: number; text: string }>;
}

const kinds: readonly Kind[] = [
  { name: 'read', expected: 200, send: (send, id) => send('GET', `/Patient/${id}`) },
  { name: 'search', expected: 200, send: (send) => send('GET', '/Patient?name=Steady&_count=5&_sort=-_lastUpdated') },
  { name: 'create', expected: 201, send: (send) => send('POST', '/Patient', patient('Passing')) },
  { name: 'update', expected: 200, send: (send, id) => send('PUT', `/Patient/${id}`, { ...patient('Steady'), id }) },
  { name: 'history', expected: 200, send: (send, id) => send('GET', `/Patient/${id}/_history?_count=3`) },
  { name: 'transaction', expected: 200, send: (send, id) => send('POST', '', transaction(id)) },
];

/** The names of all kinds of requests. */
export const kindsOfRequests = kinds.map(({ name }) => name);

/** Always another one, because an update that changes nothing writes nothing. */
const patient = (family: string) => ({ resourceType: 'Patient', name: [{ family, given: [randomUUID()] }] });

function transaction(patientId: string) {
  const fullUrl = `urn:uuid:${randomUUID()}`;
  const visit = {
    resourceType: 'Encounter',
    status: 'finished',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
    subject: { reference: `Patient/${patientId}` },
  };
  const weight = {
    resourceType: 'Observation',
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '29463-7' }] },
    subject: { reference: `Patient/${patientId}` },
    encounter: { reference: fullUrl },
  };
  return {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      { fullUrl, resource: visit, request: { method: 'POST', url: 'Encounter' } },
      { resource: weight, request: { method: 'POST', url: 'Observation' } },
    ],
  };
}

function sender({ fhirUrl, authorization }: ServedProject): Send {
  return async (method, path, body) => {
    const response = await fetch(`${fhirUrl}${path}`, {
      method,
      headers: { authorization, 'content-type': 'application/fhir+json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  };
}

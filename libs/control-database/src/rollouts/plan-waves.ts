import { createHash } from 'node:crypto';
import type { ProjectLabels } from '../projects/project.entity.js';
import type { WaveSelector } from './rollout-plan.js';

/** What selectors look at. */
export interface WaveCandidate {
  readonly projectId: string;
  readonly labels: ProjectLabels;
  readonly clusterId: string;
  readonly clusterName: string;
  readonly region: string | null;
}

export interface PlannedWave {
  /** `null`: the projects that no selector takes. */
  readonly selector: WaveSelector | null;
  readonly projectIds: readonly string[];
}

/**
 * Divides the projects among the waves: each belongs to the first one that takes it, and those that none takes to a last
 * wave of their own, which is left out when nobody is left. Every selector has its wave, also an empty one. The same
 * projects give the same waves, whatever their order: `percent` takes a sample that has nothing to do with their age.
 */
export function planWaves(projects: readonly WaveCandidate[], selectors: readonly WaveSelector[]): PlannedWave[] {
  let left = inOrderOfSampling(projects);
  const waves: PlannedWave[] = selectors.map((selector) => {
    const takes = takenBy(selector, projects.length, projects.length - left.length);
    const taken = left.filter((project, place) => takes(project, place));
    const gone = new Set(taken);
    left = left.filter((project) => !gone.has(project));
    return { selector, projectIds: idsOf(taken) };
  });
  return left.length === 0 ? waves : [...waves, { selector: null, projectIds: idsOf(left) }];
}

type Takes = (project: WaveCandidate, place: number) => boolean;

/** `taken`: how many of all projects belong to earlier waves. */
function takenBy(selector: WaveSelector, all: number, taken: number): Takes {
  if ('percent' in selector) {
    const count = Math.ceil((all * selector.percent) / 100) - taken;
    return (_, place) => place < count;
  }
  if ('label' in selector) {
    const [key = '', ...value] = selector.label.split(':');
    return ({ labels }) => labels[key] === value.join(':');
  }
  if ('cluster' in selector) {
    return ({ clusterId, clusterName }) => clusterId === selector.cluster || clusterName === selector.cluster;
  }
  if ('region' in selector) return ({ region }) => region === selector.region;
  const named = new Set(selector.projects);
  return ({ projectId }) => named.has(projectId);
}

function inOrderOfSampling(projects: readonly WaveCandidate[]): WaveCandidate[] {
  return projects
    .map((project) => ({ project, key: createHash('sha256').update(project.projectId).digest('hex') }))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ project }) => project);
}

const idsOf = (projects: readonly WaveCandidate[]): string[] => projects.map(({ projectId }) => projectId);

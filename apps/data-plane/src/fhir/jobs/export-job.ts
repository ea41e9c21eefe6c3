/**
 * Makes the files of a bulk export. Each type is one search of whoever asked for it, page by page; some pages make a file.
 * When a file is complete it is noted with the place behind its last resource, so whoever goes on after a crash makes each
 * file once, and each resource stands in one of them. A file that was not noted is nobody's, and is swept.
 */
import type { SearchRequest } from '#fhir-search';
import { chartsOf, completeUntil, LeaseLost, noteProgress, shownBody } from '#fhir-store';
import type { ContentPlace } from '../binary/binary-text.js';
import { chartFilter, exportSearches, type ExportRequest } from './export-request.js';
import { asStarter, completed, JobStopped, type JobCourse, type JobWork, type KindOfJob } from './job-work.js';

/** What is kept of such a request. */
export interface ExportJobRequest extends ExportRequest {
  /** The address that was asked. */
  readonly url: string;
  readonly extended: boolean;
}

/** A file of an export. */
interface ExportedFile {
  /** The last part of its address. */
  readonly name: string;
  readonly type: string;
  readonly count: number;
  readonly place: ContentPlace;
}

/** How far an export has come. */
export interface ExportProgress {
  readonly url: string;
  /** Whatever was committed before is in the files. */
  readonly transactionTime: string;
  /** The search that is next, and behind which of its pages it goes on. */
  readonly next: number;
  readonly cursor?: string;
  readonly files: readonly ExportedFile[];
}

/** A file ends with the page that brings it to so many lines. */
const FULL_FILE = 5_000;
/** Or after so many pages, of which most had nothing for it: others may wait. */
const MAX_PAGES = 20;

export const exportJob: KindOfJob = { repeats: true, needsSameRights: true, run: carryOut };

/** Makes files until there are no more to be made; with others waiting it is one, or a page in which there is nothing. */
async function carryOut(work: JobWork): Promise<JobCourse> {
  const { job, database } = work;
  const request = JSON.parse(work.request) as ExportJobRequest;
  const searches = exportSearches(database.version, request, database.ownBaseUrls);
  const reading = { work, extended: request.extended, belongs: chartFilter(request) };
  let progress = (job.watermark as ExportProgress | null) ?? (await begin(work, request));
  for (let search = searches[progress.next]; search !== undefined; search = searches[progress.next]) {
    progress = await exportFile(reading, search, progress);
    if (progress.next < searches.length && work.isAwaited()) {
      await note(work, progress);
      return 'paused';
    }
  }
  return completed(null);
}

async function begin(work: JobWork, { url }: ExportJobRequest): Promise<ExportProgress> {
  const transactionTime = await work.database.use(completeUntil);
  const progress: ExportProgress = { url, transactionTime, next: 0, files: [] };
  await note(work, progress);
  return progress;
}

/** What is exported, and for whom. */
interface Reading {
  readonly work: JobWork;
  readonly extended: boolean;
  /** Which of the resources that are found belong to the export; undefined: all. */
  readonly belongs: ReturnType<typeof chartFilter>;
}

interface ExportPage {
  readonly lines: readonly string[];
  /** The cursor of the next page. */
  readonly next: string | undefined;
}

async function readPage(
  { work, extended, belongs }: Reading,
  search: SearchRequest,
  cursor: string | undefined,
): Promise<ExportPage> {
  const { hits, next } = await asStarter(work, extended, (repository) =>
    repository.search(cursor === undefined ? search : { ...search, cursor }),
  );
  const exported = belongs === undefined ? hits : hits.filter((version) => belongs(chartsOf(version)));
  return { lines: exported.map((version) => `${shownBody(version, { extended })}\n`), next };
}

/** Exports the next pages of a search into a file and notes it; without any resources there is none. */
async function exportFile(reading: Reading, search: SearchRequest, progress: ExportProgress): Promise<ExportProgress> {
  const { binaryContents } = reading.work.runtime;
  const { cursor, next, files, ...rest } = progress;
  const behind = (place: string | undefined): ExportProgress =>
    place === undefined ? { ...rest, files, next: next + 1 } : { ...rest, files, next, cursor: place };
  const first = await readPage(reading, search, cursor);
  if (first.lines.length === 0) return behind(first.next);

  const content = new FileContent(first, (place) => readPage(reading, search, place));
  const place = await binaryContents.put(content.read());
  try {
    const name = `${search.type}-${files.filter(({ type }) => type === search.type).length + 1}`;
    const file: ExportedFile = { name: `${name}.ndjson`, type: search.type, count: content.count, place };
    const made = { ...behind(content.next), files: [...files, file] };
    await note(reading.work, made);
    return made;
  } catch (error) {
    // Only when it was certainly not noted: of a connection that broke nobody knows, and a file too many is swept.
    if (error instanceof LeaseLost || error instanceof JobStopped) await binaryContents.remove(place.file);
    throw error;
  }
}

/** The lines of one file, read a page at a time. */
class FileContent {
  count = 0;
  /** The cursor behind the last line, once all have been read. */
  next: string | undefined;

  constructor(
    private readonly first: ExportPage,
    private readonly readNext: (cursor: string) => Promise<ExportPage>,
  ) {}

  async *read(): AsyncGenerator<Buffer> {
    let page = this.first;
    for (let pages = 1; ; pages++) {
      this.count += page.lines.length;
      for (const line of page.lines) yield Buffer.from(line);
      this.next = page.next;
      if (page.next === undefined || this.count >= FULL_FILE || pages >= MAX_PAGES) return;
      page = await this.readNext(page.next);
    }
  }
}

async function note({ database, job }: JobWork, progress: ExportProgress): Promise<void> {
  const exported = progress.files.reduce((sum, { count }) => sum + count, 0);
  await database.use((connection) => noteProgress(connection, job, `${exported} resources exported`, progress));
}

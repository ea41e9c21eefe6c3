/** One page of a browser in the app, and everything that went wrong on it. */
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';

const TIMEOUT_MS = 45_000;
/** Where the pages are painted at the end of each test, if anywhere. */
const SCREENSHOTS = process.env['BOXYARD_SCREENSHOTS'];
/** Requests that the page itself gave up, because its user went elsewhere or typed on. */
const ABORTED = 'net::ERR_ABORTED';
/** What Chromium says of every answer from 400 on; these are kept as refusals. */
const REFUSED_RESOURCE = 'Failed to load resource';

export class Visit {
  /** `<status> <method> <path below the base URL>` of every answer from 400 on. */
  private readonly refusals: string[] = [];
  /** Errors on the console, exceptions, requests without an answer. */
  private readonly troubles: string[] = [];

  private constructor(
    readonly page: Page,
    private readonly origin: string,
    private readonly baseUrl: string,
  ) {}

  /** Opens a page of its own among those of `context`, which share their log-ins. */
  static async open(context: BrowserContext, origin: string, baseUrl: string): Promise<Visit> {
    const page = await context.newPage();
    page.setDefaultTimeout(TIMEOUT_MS);
    const visit = new Visit(page, origin, baseUrl);
    visit.listen();
    return visit;
  }

  /** Loads a path of the app. */
  async goTo(path: string): Promise<void> {
    await this.page.goto(`${this.origin}${path}`);
  }

  /** Waits until a text stands on the page. */
  async sees(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).first().waitFor();
  }

  /** Fills in both steps of the sign-in form. */
  async signIn({ email, password }: { email: string; password: string }): Promise<void> {
    await this.page.getByLabel('Email').fill(email);
    await this.page.getByRole('button', { name: 'Next' }).click();
    await this.enterPassword(password);
  }

  async enterPassword(password: string): Promise<void> {
    await this.page.getByLabel('Password').fill(password);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
  }

  /** The texts of the rows of a SearchControl, once it has as many. */
  async rows(count: number): Promise<string[]> {
    const rows = this.page.getByTestId('search-control-row');
    if (count > 0) await rows.nth(count - 1).waitFor();
    else await this.sees('No results');
    return rows.allInnerTexts();
  }

  /** Waits for exactly these answers from 400 on, in any order, and forgives them. */
  async wasRefused(...expected: string[]): Promise<void> {
    const deadline = Date.now() + TIMEOUT_MS;
    while (this.refusals.length < expected.length && Date.now() < deadline) await this.page.waitForTimeout(20);
    expect(this.refusals.splice(0).sort()).toEqual([...expected].sort());
  }

  /** What was refused without `wasRefused` having expected it, and what went wrong in any other way; '' if nothing. */
  trouble(): string {
    return [...this.refusals, ...this.troubles].join('\n');
  }

  /** The path of a picture of the page, named after a test. */
  async paint(name: string): Promise<string> {
    const folder = SCREENSHOTS ?? path.join(tmpdir(), 'boxyard-screenshots');
    await mkdir(folder, { recursive: true });
    const file = path.join(folder, `${name.replace(/[^a-z0-9]+/gi, '-')}.png`);
    await this.page.screenshot({ path: file, fullPage: true });
    return file;
  }

  private listen(): void {
    this.page.on('pageerror', (error) => this.troubles.push(error.stack ?? error.message));
    this.page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith(REFUSED_RESOURCE)) {
        this.troubles.push(message.text());
      }
    });
    this.page.on('requestfailed', (request) => {
      const reason = request.failure()?.errorText;
      if (reason !== ABORTED) this.troubles.push(`${reason} ${request.method()} ${request.url()}`);
    });
    this.page.on('response', (response) => {
      if (response.status() < 400) return;
      const below = response.url().replace(this.baseUrl, '');
      this.refusals.push(`${response.status()} ${response.request().method()} ${below}`);
    });
  }
}

/** Runs a test on a visit: what went wrong unseen fails it, and its error says where the page is painted. */
export async function checkVisit(name: string, visit: Visit, check: (visit: Visit) => Promise<void>): Promise<void> {
  try {
    await check(visit);
    if (visit.trouble() !== '') throw new Error('something went wrong unseen');
    if (SCREENSHOTS !== undefined) await visit.paint(name);
  } catch (error) {
    const picture = await visit.paint(name);
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${reason}\n${visit.trouble()}\nThe page is painted in ${picture}`, { cause: error });
  } finally {
    await visit.page.close();
  }
}

/** Unmodified components of `@medplum/react` in a real browser, on an origin of their own, against a project. */
import type { OutputFile } from 'esbuild';
import type { Browser, BrowserContext } from 'playwright-core';
import { aDatabase, type RunningPlatform, startPlatform } from '#testing';
import { Authenticator } from '../integration/authenticator.fixture.js';
import { describeWithChromium, startChromium } from './chromium.js';
import { type Clinic, openClinic, type Person } from './clinic.js';
import { bundleApp, type ServedApp, serveApp } from './served-app.js';
import { checkVisit, Visit } from './visit.js';

const PATIENTS = '/Patient?_fields=name,birthDate&_sort=name';
/** Two pixels by two. */
const picture = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg==',
  'base64',
);

describeWithChromium('an app of @medplum/react components', () => {
  let platform: RunningPlatform;
  let browser: Browser;
  let clinic: Clinic;
  let ids: Clinic['ids'];
  let files: OutputFile[];
  let app: ServedApp;
  /** A browser in which the practitioner Mira is signed in, and one for the owner. */
  let asMira: BrowserContext;
  let asOwner: BrowserContext;

  const signedIn = async (person: Person): Promise<BrowserContext> => {
    const context = await browser.newContext();
    const visit = await Visit.open(context, app.origin, clinic.project.baseUrl);
    await checkVisit('signing in', visit, async () => {
      await visit.goTo('/');
      await visit.signIn(person);
      await visit.rows(2);
    });
    return context;
  };

  /** A test on a page of its own, in the browser of somebody who is signed in, or in a new one. */
  const onPage = (name: string, who: () => BrowserContext | undefined, check: (visit: Visit) => Promise<void>): void =>
    test(name, async () => {
      const known = who();
      const context = known ?? (await browser.newContext());
      await checkVisit(name, await Visit.open(context, app.origin, clinic.project.baseUrl), check);
      if (known === undefined) await context.close();
    });
  /** What the timeline of Ada asks for and the policy does not grant: some types, and the author of what was imported. */
  const refusedInTimeline = (): string[] => [
    ...[
      'Device?patient',
      'DeviceRequest?patient',
      'DiagnosticReport?subject',
      'ServiceRequest?subject',
      'Task?subject',
    ].map((search) => `403 GET fhir/R4/${search}=Patient%2F${ids.ada}&_count=100`),
    `403 GET fhir/R4/ClientApplication/${clinic.project.adminClient.clientId}`,
  ];
  const mira = (): BrowserContext => asMira;
  const owner = (): BrowserContext => asOwner;
  const nobody = (): undefined => undefined;

  beforeAll(async () => {
    // The browser first: afterAll closes it, whatever fails from here on.
    browser = await startChromium();
    files = await bundleApp();
    platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
    clinic = await openClinic(platform);
    ids = clinic.ids;
    app = await serveApp(files, clinic.project.baseUrl);
    asMira = await signedIn(clinic.mira);
    asOwner = await signedIn(clinic.owner);
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await app?.close();
    await platform?.stop();
  });

  onPage('signs in with the form, after it has said what was wrong', nobody, async (visit) => {
    await visit.goTo('/');
    await visit.signIn({ email: clinic.mira.email, password: 'wrong-password' });
    await visit.sees('Email or password is wrong');
    await visit.wasRefused('400 POST auth/login');
    await visit.enterPassword(clinic.mira.password);
    expect(await visit.rows(2)).toEqual([expect.stringContaining('Ada Alder'), expect.stringContaining('Ben Aspen')]);
    await visit.sees('Mira Sander');
  });

  onPage('lists the patients of the own clinic and counts no others', mira, async (visit) => {
    await visit.goTo(PATIENTS);
    expect(await visit.rows(2)).toEqual([expect.stringContaining('Ada Alder'), expect.stringContaining('Ben Aspen')]);
    expect(await visit.page.getByTestId('count-display').innerText()).toBe('1-2 of 2');
    expect(await visit.page.content()).not.toContain('Birch');
  });

  onPage(
    'filters and sorts by what stands in the address bar, and says which parameter is unknown',
    mira,
    async (visit) => {
      await visit.goTo('/Patient?name=ben&_fields=name');
      expect(await visit.rows(1)).toEqual([expect.stringContaining('Ben')]);
      await visit.goTo(PATIENTS);
      await visit.rows(2);
      await visit.page.getByRole('button', { name: 'Name', exact: true }).click();
      await visit.page.getByRole('menuitem', { name: 'Sort Z to A' }).click();
      await visit.page.waitForURL(/_sort=-name/);
      await visit.page.getByTestId('search-control-row').first().getByText('Ben').waitFor();
      await visit.goTo('/Patient?shoe-size=44');
      await visit.sees('shoe-size');
      await visit.wasRefused('400 GET fhir/R4/Patient?_total=accurate&shoe-size=44');
    },
  );

  onPage('opens a patient from the list, without the field that the policy hides', mira, async (visit) => {
    await visit.goTo(PATIENTS);
    await visit.page.getByText('Ada Alder').click();
    await visit.page.waitForURL(`**/Patient/${ids.ada}`);
    await visit.sees('1980-05-04');
    expect(await visit.page.content()).not.toMatch(/Telecom|555-[A-Z]/);
  });

  onPage('changes a patient with the form; what is hidden or readonly stays as it was', mira, async (visit) => {
    await visit.goTo(PATIENTS);
    await visit.page.getByText('Ben Aspen').click();
    await visit.page.getByRole('tab', { name: 'edit' }).click();
    await visit.page.getByPlaceholder('Family').fill('Aspen-Lake');
    expect(await visit.page.locator('input[name="birthDate"]').isDisabled()).toBe(true);
    expect(await visit.page.content()).not.toContain('Telecom');
    await visit.page.locator('input[name="managingOrganization-id"]').click();
    await visit.page.locator('.mantine-Combobox-option').getByText('Anchor Clinic').click();
    expect(await visit.page.content()).not.toContain('Bay Clinic');
    await visit.page.getByRole('button', { name: 'Update' }).click();
    await visit.sees('Saved');
    await visit.page.getByRole('tab', { name: 'details' }).click();
    await visit.sees('Ben Aspen-Lake');
    await visit.page.getByRole('tab', { name: 'history' }).click();
    await visit.page.locator('tbody tr').nth(1).waitFor();
    await visit.page.locator('tbody tr').first().getByText('Mira Sander').waitFor();
    await visit.wasRefused(`403 GET fhir/R4/ClientApplication/${clinic.project.adminClient.clientId}`);
    expect(await clinic.admin.readResource('Patient', ids.ben)).toMatchObject({
      name: [{ given: ['Ben'], family: 'Aspen-Lake' }],
      birthDate: '1980-05-04',
      telecom: [{ value: '555-Aspen' }],
      managingOrganization: { reference: `Organization/${ids.anchor}`, display: 'Anchor Clinic' },
      meta: {
        accounts: [{ reference: `Organization/${ids.anchor}` }],
        author: { reference: `Practitioner/${ids.mira}` },
      },
    });
  });

  onPage('offers the codes of a coded element, and stores the one that is chosen', mira, async (visit) => {
    await visit.goTo(`/Patient/${ids.ada}/edit`);
    await visit.page.getByRole('button', { name: 'Update' }).waitFor();
    const status = visit.page.locator('input[name="maritalStatus"]');
    const options = visit.page.locator('.mantine-Combobox-option');
    await status.click();
    await options.getByText('Divorced').waitFor();
    await status.fill('mar');
    await visit.page.waitForFunction(`document.querySelectorAll('.mantine-Combobox-option').length === 3`);
    await options.getByText('Married', { exact: true }).click();
    await visit.page.getByRole('button', { name: 'Update' }).click();
    await visit.sees('Saved');
    expect(await clinic.admin.readResource('Patient', ids.ada)).toMatchObject({
      maritalStatus: {
        coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-MaritalStatus', code: 'M', display: 'Married' }],
      },
    });
  });

  onPage('shows what happened to a patient, and files a comment under the own clinic', mira, async (visit) => {
    await visit.goTo(`/Patient/${ids.ada}/timeline`);
    await visit.sees('Called Ada about the results');
    // The timeline asks for all of these, and leaves out what is refused.
    await visit.wasRefused(...refusedInTimeline());
    await visit.page.getByPlaceholder('Add comment').fill('Will come on Monday');
    await visit.page.getByPlaceholder('Add comment').press('Enter');
    await visit.page.getByTestId('timeline-item').getByText('Will come on Monday').waitFor();
    const comments = await clinic.admin.searchResources('Communication', { subject: `Patient/${ids.ada}` });
    const comment = comments.find(({ payload }) => payload?.[0]?.contentString === 'Will come on Monday');
    expect(comment?.meta).toMatchObject({ accounts: [{ reference: `Organization/${ids.anchor}` }] });
  });

  onPage('uploads a picture to the timeline and shows it', mira, async (visit) => {
    await visit.goTo(`/Patient/${ids.ada}/timeline`);
    await visit.page
      .getByTestId('upload-file-input')
      .setInputFiles({ name: 'wound.png', mimeType: 'image/png', buffer: picture });
    await visit.sees('Upload complete');
    await visit.page.waitForFunction(`document.querySelector('img[alt="wound.png"]')?.naturalWidth === 2`);
    await visit.wasRefused(...refusedInTimeline());
  });

  onPage('is refused a patient of the other clinic, and stays signed in', mira, async (visit) => {
    await visit.goTo(`/Patient/${ids.cleo}`);
    await visit.sees('Forbidden');
    await visit.wasRefused(`403 GET fhir/R4/Patient/${ids.cleo}`);
    await visit.goTo(`/Patient/${ids.cleo}/history`);
    await visit.sees('Forbidden');
    await visit.wasRefused(`403 GET fhir/R4/Patient/${ids.cleo}`);
    await visit.goTo('/Patient/00000000-0000-4000-8000-000000000000');
    await visit.sees('Not found');
    await visit.wasRefused('404 GET fhir/R4/Patient/00000000-0000-4000-8000-000000000000');
    await visit.goTo('/ServiceRequest');
    await visit.sees('Forbidden');
    await visit.wasRefused('403 GET fhir/R4/ServiceRequest?_total=accurate');
    await visit.goTo(PATIENTS);
    await visit.rows(2);
    await visit.sees('Mira Sander');
  });

  onPage('gets no form for a type that is readonly', mira, async (visit) => {
    await visit.goTo('/Organization?_fields=name');
    expect(await visit.rows(1)).toEqual([expect.stringContaining('Anchor Clinic')]);
    await visit.goTo(`/Organization/${ids.anchor}/edit`);
    await visit.sees('Permission denied');
  });

  onPage('says at the element what is wrong with it', mira, async (visit) => {
    await visit.goTo(`/Observation/${ids.preliminary}/edit`);
    await visit.page.getByRole('button', { name: 'Update' }).waitFor();
    await visit.page.locator('.mantine-Pill-remove').first().click();
    await visit.page.getByRole('button', { name: 'Update' }).click();
    await visit.page.locator('.mantine-InputWrapper-error').getByText('Observation.status is required').waitFor();
    await visit.wasRefused(`400 PUT fhir/R4/Observation/${ids.preliminary}`);
  });

  onPage('is told at the form that an observation is locked', mira, async (visit) => {
    await visit.goTo(`/Observation/${ids.final}/edit`);
    await visit.page.getByRole('button', { name: 'Update' }).click();
    await visit.sees('Forbidden');
    await visit.wasRefused(`403 PUT fhir/R4/Observation/${ids.final}`);
    await visit.sees('Mira Sander');
    expect((await clinic.admin.readHistory('Observation', ids.final)).entry).toHaveLength(1);
  });

  onPage('finds patients of the own clinic by the search of the header', mira, async (visit) => {
    await visit.goTo('/Practitioner');
    const search = visit.page.getByPlaceholder('Search');
    const answered = visit.page.waitForResponse(
      (response) => response.request().postData()?.includes('Birch') ?? false,
    );
    await search.fill('Birch');
    expect(await (await answered).json()).toMatchObject({ data: { Patients1: [], Patients2: [] } });
    await search.fill('Alder');
    await visit.page.getByRole('option').getByText('Ada Alder').click();
    await visit.page.waitForURL(`**/Patient/${ids.ada}`);
  });

  onPage('signs out for good', nobody, async (visit) => {
    await visit.goTo('/');
    await visit.signIn(clinic.mira);
    await visit.rows(2);
    const token = await visit.page.evaluate<string>('JSON.parse(localStorage.activeLogin).accessToken');
    await visit.page.getByText('Mira Sander').click();
    await visit.page.getByRole('menuitem', { name: 'Sign out' }).click();
    await visit.page.getByLabel('Email').waitFor();
    const me = await fetch(`${clinic.project.baseUrl}auth/me`, { headers: { authorization: `Bearer ${token}` } });
    expect(me.status).toBe(401);
  });

  onPage('is signed out with the next request when the membership is switched off', nobody, async (visit) => {
    await visit.goTo('/');
    await visit.signIn(clinic.kim);
    await visit.rows(2);
    const membership = await clinic.admin.readResource('ProjectMembership', ids.membershipOfKim);
    await clinic.admin.updateResource({ ...membership, active: false });
    await visit.page.getByText('Ada Alder').click();
    await visit.page.getByRole('tab', { name: 'history' }).click();
    await visit.page.getByLabel('Email').waitFor();
    await visit.wasRefused(`401 GET fhir/R4/Patient/${ids.ada}/_history`);
    await visit.signIn(clinic.kim);
    await visit.sees('This account has no active membership here');
    await visit.wasRefused('400 POST auth/login');
  });

  onPage('adds a bookmark to the own menu', mira, async (visit) => {
    await visit.goTo('/Patient?name=ben');
    await visit.rows(1);
    await visit.page.locator('header button').first().click();
    await visit.page.getByRole('link', { name: 'Patients' }).waitFor();
    await visit.page.getByRole('button', { name: 'Add Bookmark' }).click();
    await visit.page.getByPlaceholder('Bookmark Name').fill('My Ben');
    await visit.page.getByRole('button', { name: 'OK', exact: true }).click();
    await visit.sees('Success');
    await visit.goTo('/Practitioner');
    await visit.page.getByRole('link', { name: 'My Ben' }).click();
    await visit.rows(1);
  });

  onPage('asks which membership is meant, and changes between two without signing in again', nobody, async (visit) => {
    await visit.goTo('/');
    await visit.signIn(clinic.jo);
    await visit.page.getByRole('option').getByText('Jo Bay').click();
    expect(await visit.rows(1)).toEqual([expect.stringContaining('Cleo Birch')]);
    await visit.page.getByText('Jo Bay').click();
    await visit.page.getByRole('menuitem', { name: 'Add another account' }).click();
    await visit.signIn(clinic.jo);
    await visit.page.getByRole('option').getByText('Jo Anchor').click();
    await visit.rows(2);
    await visit.page.getByText('Jo Anchor').click();
    await visit.page.getByRole('menuitem', { name: 'Jo Bay' }).click();
    expect(await visit.rows(1)).toEqual([expect.stringContaining('Cleo Birch')]);
  });

  onPage('lets the owner see a summary of any patient, and the versions of any resource', owner, async (visit) => {
    await visit.goTo(`/Patient/${ids.cleo}/summary`);
    await visit.sees('Allergies');
    await visit.goTo(`/Observation/${ids.final}/timeline`);
    await visit.sees('Created');
  });

  onPage('lets the owner see the members and change the policy that binds them', owner, async (visit) => {
    await visit.goTo('/ProjectMembership?_fields=user,profile,accessPolicy');
    await visit.rows(6);
    await visit.goTo(`/AccessPolicy/${ids.policy}/edit`);
    await visit.page.locator('input[name="name"]').fill('Staff of one clinic');
    await visit.page.getByRole('button', { name: 'Update' }).click();
    await visit.sees('Saved');
    expect(await clinic.admin.readResource('AccessPolicy', ids.policy)).toMatchObject({ name: 'Staff of one clinic' });
    // The policy went through the form and back, and still means what it meant.
    const visitOfMira = await Visit.open(asMira, app.origin, clinic.project.baseUrl);
    await checkVisit('lists after the policy was saved', visitOfMira, async () => {
      await visitOfMira.goTo(PATIENTS);
      await visitOfMira.rows(2);
    });
  });

  onPage('sets up a second factor with the form, and asks for a code at the next sign-in', nobody, async (visit) => {
    const lena = { email: 'lena@clinic.example', password: 'correct-horse' };
    await clinic.admin.invite(clinic.project.id, {
      ...lena,
      resourceType: 'Practitioner',
      firstName: 'Lena',
      lastName: 'Sander',
      sendEmail: false,
      mfaRequired: true,
      membership: { admin: true },
    });
    const begun = visit.page.waitForResponse((response) => response.url().endsWith('auth/login'));
    await visit.goTo('/');
    await visit.signIn(lena);
    const { enrollUri } = (await (await begun).json()) as { enrollUri: string };
    const authenticator = new Authenticator(enrollUri);
    await visit.page.waitForFunction(
      `document.querySelector('img[alt="Multi Factor Auth QR Code"]')?.naturalWidth > 0`,
    );
    const [wrong = ''] = authenticator.wrongCodes(1);
    const enter = async (code: string, button: string): Promise<void> => {
      await visit.page.getByLabel('MFA code').fill(code);
      await visit.page.getByRole('button', { name: button }).click();
    };
    await enter(wrong, 'Enroll');
    await visit.sees('The code is wrong');
    await visit.wasRefused('400 POST auth/mfa/login-enroll');
    await enter(authenticator.code(), 'Enroll');
    await visit.sees('Lena Sander');
    await visit.page.getByText('Lena Sander').first().click();
    await visit.page.getByRole('menuitem', { name: 'Add another account' }).click();
    await visit.signIn(lena);
    await enter(authenticator.code(1), 'Submit code');
    await visit.sees('Lena Sander');
  });

  test('works at the host form of the base URL too', async () => {
    const { port } = new URL(platform.dataUrl);
    const baseUrl = `http://${clinic.project.slug}.localhost:${port}/`;
    const own = await serveApp(files, baseUrl);
    const context = await browser.newContext();
    await checkVisit('the host form', await Visit.open(context, own.origin, baseUrl), async (visit) => {
      await visit.goTo('/');
      await visit.signIn(clinic.mira);
      await visit.rows(2);
      await visit.page.getByText('Ada Alder').click();
      await visit.sees('1980-05-04');
      await visit.goTo(`/Patient/${ids.cleo}`);
      await visit.sees('Forbidden');
      await visit.wasRefused(`403 GET fhir/R4/Patient/${ids.cleo}`);
    });
    await context.close();
    await own.close();
  });
});

import type { AwaitedFactor, OfferedMembership } from '../login/login-flow.js';
import { hiddenFields, html, type Page, problemText } from '../pages/html.js';

export interface SignInTexts {
  readonly project: string;
  readonly client: string;
  /** The address to begin with. */
  readonly hint: string;
  readonly problem: string | undefined;
}

/** The page that asks for address and password. Its form goes to the address of the page itself, without the query. */
export function signInPage(
  { project, client, hint, problem }: SignInTexts,
  carried: ReadonlyMap<string, string>,
  formTarget: string,
): Page {
  const body = html`<p>to go on to ${client}</p>
    ${problemText(problem)}
    <form method="post" action="authorize">
      ${hiddenFields(carried)}
      <label>Email<input name="email" type="email" autocomplete="username" required value="${hint}" /></label>
      <label>Password<input name="password" type="password" autocomplete="current-password" required /></label>
      <button>Sign in</button>
    </form>`;
  return { title: `Sign in to ${project}`, body, formTarget };
}

/** The page on which somebody with several profiles chooses one. */
export function profilePage(
  project: string,
  carried: ReadonlyMap<string, string>,
  memberships: readonly OfferedMembership[],
  formTarget: string,
): Page {
  const buttons = memberships.map(
    ({ id, profile }) => html`<button name="profile" value="${id}">${profile.display ?? profile.reference}</button>`,
  );
  const body = html`<form method="post" action="authorize">${hiddenFields(carried)}${buttons}</form>`;
  return { title: `Choose a profile in ${project}`, body, formTarget };
}

/** The page that asks for a code of the second factor, and shows what is needed to set it up where there is none yet. */
export function secondFactorPage(
  { project, problem }: Pick<SignInTexts, 'project' | 'problem'>,
  carried: ReadonlyMap<string, string>,
  { enrollUri, enrollQrCode, secret }: AwaitedFactor,
  formTarget: string,
): Page {
  const isNew = enrollUri !== undefined && enrollQrCode !== undefined;
  const offered = isNew
    ? html`<p>Scan this with an authenticator app, or <a href="${enrollUri}">open it there</a>.</p>
        <img src="${enrollQrCode}" alt="The key as a QR code" />
        <p>Key: <code>${secret ?? ''}</code></p>`
    : html``;
  const body = html`${problemText(problem)}${offered}
    <form method="post" action="authorize">
      ${hiddenFields(carried)}
      <label
        >Code of the app<input
          name="token"
          inputmode="numeric"
          autocomplete="one-time-code"
          pattern="[0-9 ]*"
          required
          autofocus
      /></label>
      <button name="step" value="${isNew ? 'enrolment' : 'code'}">${isNew ? 'Set up' : 'Go on'}</button>
    </form>`;
  const title = isNew ? `Set up a second factor for ${project}` : `Sign in to ${project}`;
  return { title, body, formTarget, hasPictures: isNew };
}

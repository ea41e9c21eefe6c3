import type { OfferedMembership } from '../login/login-flow.js';
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

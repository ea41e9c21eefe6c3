import { MedplumClient } from '@medplum/core';
import { type CreatedProject, expectStatus } from '#testing';

const password = 'correct-horse-battery';

/** Makes somebody a member: a person with a profile that is there already, or a program. Their access token. Needs an open page. */
export async function memberToken(
  project: CreatedProject,
  admin: string,
  { name, profile, access }: { name: string; profile: string | undefined; access: readonly object[] },
): Promise<string> {
  const administer = async (path: string, body: object, status: number): Promise<unknown> => {
    const response = await fetch(`${project.baseUrl}admin/projects/${project.id}/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return expectStatus(response, status);
  };
  const client = new MedplumClient({ baseUrl: project.baseUrl, fetch: globalThis.fetch, cacheTime: 0 });
  if (profile === undefined) {
    const [entry] = access as { policy: object }[];
    const made = (await administer('client', { name, accessPolicy: entry?.policy }, 201)) as Record<string, string>;
    await client.startClientLogin(made['id'] ?? '', made['secret'] ?? '');
  } else {
    const email = `${name}@example.org`;
    const [resourceType = ''] = profile.split('/');
    const person = { resourceType, firstName: 'Sam', lastName: 'Doe', email, password, sendEmail: false };
    await administer('invite', { ...person, membership: { profile: { reference: profile }, access } }, 200);
    const login = await client.startLogin({ email, password });
    await client.processCode(login.code ?? '');
  }
  const token = client.getAccessToken();
  if (token === undefined) throw new Error(`${name} cannot log in`);
  return token;
}

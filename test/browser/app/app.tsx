/** A small app as others build it: unmodified `@medplum/react` components against the base URL of a project. */
import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import '@medplum/react/styles.css';
import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { MedplumClient } from '@medplum/core';
import { AppShell, Loading, Logo, MedplumProvider, SignInForm } from '@medplum/react';
import { useMedplum, useMedplumNavigate, useMedplumProfile } from '@medplum/react-hooks';
import { type JSX, StrictMode, useSyncExternalStore } from 'react';
import { createRoot } from 'react-dom/client';
import { ResourcePage } from './resource-page';
import { SearchPage } from './search-page';

const baseUrl = document.querySelector<HTMLMetaElement>('meta[name="base-url"]')?.content ?? '';
const client = new MedplumClient({ baseUrl, onUnauthenticated: () => navigate('/signin') });

/** Goes to a path of the app, as a router does. */
function navigate(path: string): void {
  window.history.pushState(undefined, '', path);
  window.dispatchEvent(new PopStateEvent('popstate'));
}

function onPlace(changed: () => void): () => void {
  window.addEventListener('popstate', changed);
  return () => window.removeEventListener('popstate', changed);
}

function App(): JSX.Element {
  const medplum = useMedplum();
  const { pathname, search } = new URL(useSyncExternalStore(onPlace, () => window.location.href));
  const menus = medplum.getUserConfiguration()?.menu?.map(({ title, link }) => ({
    title,
    links: link?.map(({ name, target }) => ({ label: name, href: target })),
  }));
  return (
    <AppShell
      logo={<Logo size={24} />}
      pathname={pathname}
      searchParams={new URLSearchParams(search)}
      menus={menus}
      displayAddBookmark
    >
      <Screen pathname={pathname} search={search} />
    </AppShell>
  );
}

function Screen({ pathname, search }: { pathname: string; search: string }): JSX.Element {
  const medplum = useMedplum();
  const toPlace = useMedplumNavigate();
  const profile = useMedplumProfile();
  const [, resourceType = '', id, tab = 'details'] = pathname.split('/');
  if (medplum.isLoading()) return <Loading />;
  if (!profile || resourceType === 'signin') {
    return <SignInForm onSuccess={() => toPlace('/Patient?_fields=name,birthDate')}>Sign in to the clinic</SignInForm>;
  }
  if (id === undefined) return <SearchPage resourceType={resourceType || 'Patient'} query={search} />;
  // Each place starts anew, so that a tab shows the resource as the one before has left it.
  return <ResourcePage key={pathname} resourceType={resourceType} id={id} tab={tab} />;
}

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <MantineProvider>
      <MedplumProvider medplum={client} navigate={navigate}>
        <Notifications />
        <App />
      </MedplumProvider>
    </MantineProvider>
  </StrictMode>,
);

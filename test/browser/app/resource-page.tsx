/** One resource: what it holds, a form to change it, its versions and, of a patient, what happened. */
import { Tabs, Title } from '@mantine/core';
import { showNotification } from '@mantine/notifications';
import { getDisplayString, normalizeErrorString, normalizeOperationOutcome } from '@medplum/core';
import type { OperationOutcome, Patient, Resource } from '@medplum/fhirtypes';
import {
  DefaultResourceTimeline,
  Document,
  Loading,
  OperationOutcomeAlert,
  PatientSummary,
  PatientTimeline,
  ResourceForm,
  ResourceHistoryTable,
  ResourceTable,
} from '@medplum/react';
import { useMedplum, useMedplumNavigate, useResource } from '@medplum/react-hooks';
import { type JSX, useState } from 'react';

interface ResourcePageProps {
  readonly resourceType: string;
  readonly id: string;
  readonly tab: string;
}

export function ResourcePage({ resourceType, id, tab }: ResourcePageProps): JSX.Element {
  const navigate = useMedplumNavigate();
  const [reference] = useState({ reference: `${resourceType}/${id}` });
  const [refusal, setRefusal] = useState<OperationOutcome>();
  const resource = useResource<Resource>(reference, setRefusal);

  if (refusal) {
    return (
      <Document>
        <OperationOutcomeAlert outcome={refusal} />
      </Document>
    );
  }
  if (!resource) return <Loading />;
  const tabs = ['details', 'edit', 'history', 'timeline', ...(resourceType === 'Patient' ? ['summary'] : [])];
  return (
    <Document>
      <Title order={3}>{getDisplayString(resource)}</Title>
      <Tabs value={tab} onChange={(chosen) => navigate(`/${resourceType}/${id}/${chosen ?? ''}`)}>
        <Tabs.List mb="md">
          {tabs.map((name) => (
            <Tabs.Tab key={name} value={name}>
              {name}
            </Tabs.Tab>
          ))}
        </Tabs.List>
      </Tabs>
      <Tab resource={resource} tab={tab} />
    </Document>
  );
}

function Tab({ resource, tab }: { resource: Resource; tab: string }): JSX.Element {
  switch (tab) {
    case 'edit':
      return <Form resource={resource} />;
    case 'history':
      return <ResourceHistoryTable resourceType={resource.resourceType} id={resource.id ?? ''} />;
    case 'timeline':
      return resource.resourceType === 'Patient' ? (
        <PatientTimeline patient={resource as Patient} />
      ) : (
        <DefaultResourceTimeline resource={resource} />
      );
    case 'summary':
      return <PatientSummary patient={resource as Patient} />;
    default:
      return <ResourceTable value={resource} ignoreMissingValues />;
  }
}

function Form({ resource }: { resource: Resource }): JSX.Element {
  const medplum = useMedplum();
  const [outcome, setOutcome] = useState<OperationOutcome>();
  const save = (changed: Resource): void => {
    setOutcome(undefined);
    medplum
      .updateResource(changed)
      .then(() => showNotification({ color: 'green', message: 'Saved' }))
      .catch((error: unknown) => {
        setOutcome(normalizeOperationOutcome(error));
        showNotification({ color: 'red', message: normalizeErrorString(error) });
      });
  };
  return (
    <>
      {outcome && <OperationOutcomeAlert outcome={outcome} />}
      <ResourceForm defaultValue={resource} outcome={outcome} onSubmit={save} />
    </>
  );
}

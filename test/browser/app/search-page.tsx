/** A table of resources; its state is the query string of the page, so that it can be bookmarked. */
import { formatSearchQuery, parseSearchRequest } from '@medplum/core';
import type { ResourceType } from '@medplum/fhirtypes';
import { Document, SearchControl } from '@medplum/react';
import { useMedplumNavigate } from '@medplum/react-hooks';
import type { JSX } from 'react';

export function SearchPage({ resourceType, query }: { resourceType: string; query: string }): JSX.Element {
  const navigate = useMedplumNavigate();
  return (
    <Document>
      <SearchControl
        search={parseSearchRequest(`${resourceType as ResourceType}${query}`)}
        onClick={({ resource }) => navigate(`/${resource.resourceType}/${resource.id}`)}
        onChange={({ definition }) => navigate(`/${resourceType}${formatSearchQuery(definition)}`)}
      />
    </Document>
  );
}

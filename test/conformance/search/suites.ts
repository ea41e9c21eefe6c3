import { chainCases } from './chain.cases.js';
import { compositeCases } from './composite.cases.js';
import { dateCases } from './date.cases.js';
import { bundles, embeddedCases } from './embedded.cases.js';
import { filedResources, filedUnderCases } from './filed-under.cases.js';
import { filterCases } from './filter.cases.js';
import { includeCases } from './include.cases.js';
import { clinic } from './links.resources.js';
import { membershipCases } from './membership.cases.js';
import { numberCases } from './number.cases.js';
import { orderCases } from './order.cases.js';
import { quantityCases } from './quantity.cases.js';
import { referenceCases } from './reference.cases.js';
import { scopeCases } from './scope.cases.js';
import type { SearchSuite } from './search-case.js';
import { sortCases } from './sort.cases.js';
import { stringCases } from './string.cases.js';
import { textCases } from './text.cases.js';
import { tokenCases } from './token.cases.js';
import { uriCases } from './uri.cases.js';
import { measurements, texts } from './values.resources.js';

/** All suites of search cases; add yours here. */
export const suites: readonly SearchSuite[] = [
  { title: 'token', spec: 'https://hl7.org/fhir/R4/search.html#token', cases: tokenCases },
  { title: 'string', spec: 'https://hl7.org/fhir/R4/search.html#string', cases: stringCases },
  { title: 'date', spec: 'https://hl7.org/fhir/R4/search.html#date', cases: dateCases },
  { title: 'reference', spec: 'https://hl7.org/fhir/R4/search.html#reference', cases: referenceCases },
  { title: 'uri', spec: 'https://hl7.org/fhir/R4/search.html#uri', cases: uriCases },
  { title: 'order and window', spec: 'https://hl7.org/fhir/R4/search.html#sort', cases: orderCases },
  {
    title: 'number',
    spec: 'https://hl7.org/fhir/R4/search.html#number',
    cases: numberCases,
    resources: measurements,
  },
  {
    title: 'quantity',
    spec: 'https://hl7.org/fhir/R4/search.html#quantity',
    cases: quantityCases,
    resources: measurements,
  },
  {
    title: 'composite',
    spec: 'https://hl7.org/fhir/R4/search.html#combining',
    cases: compositeCases,
    resources: measurements,
  },
  { title: 'text and lists', spec: 'https://hl7.org/fhir/R4/search.html#content', cases: textCases, resources: texts },
  { title: 'chains', spec: 'https://hl7.org/fhir/R4/search.html#chaining', cases: chainCases, resources: clinic },
  { title: 'includes', spec: 'https://hl7.org/fhir/R4/search.html#revinclude', cases: includeCases, resources: clinic },
  { title: 'filters', spec: 'https://hl7.org/fhir/R4/search_filter.html', cases: filterCases, resources: clinic },
  {
    title: 'compartment and system',
    spec: 'https://hl7.org/fhir/R4/http.html#search',
    cases: scopeCases,
    resources: clinic,
  },
  { title: 'membership', spec: 'https://hl7.org/fhir/R5/search.html#_in', cases: membershipCases, resources: clinic },
  {
    title: '_compartment',
    spec: 'https://hl7.org/fhir/R4/compartmentdefinition.html',
    cases: filedUnderCases,
    resources: filedResources,
  },
  {
    title: 'resources inside others',
    spec: 'https://hl7.org/fhir/R4/search.html#reference',
    cases: embeddedCases,
    resources: bundles,
  },
  { title: 'orders', spec: 'https://hl7.org/fhir/R4/search.html#sort', cases: sortCases, resources: clinic },
];

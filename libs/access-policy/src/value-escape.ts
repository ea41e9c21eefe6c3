/** The text as one value of a search parameter (https://hl7.org/fhir/R4/search.html#escaping). */
export const escapeValue = (text: string): string => text.replace(/[\\,|$]/g, '\\$&');

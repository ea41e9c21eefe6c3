/** The form of the primitive types (https://hl7.org/fhir/R4/datatypes.html#primitive). */

const forms = {
  boolean: { type: 'boolean' },
  decimal: { type: 'number' },
  integer: { type: 'integer', minimum: -2147483648, maximum: 2147483647 },
  positiveInt: { type: 'integer', minimum: 1, maximum: 2147483647 },
  unsignedInt: { type: 'integer', minimum: 0, maximum: 2147483647 },
  // HL7's expression for it backtracks without end on long texts.
  base64Binary: { type: 'string', b64: true },
  string: { type: 'string', text: true },
  markdown: { type: 'string', text: true },
  xhtml: { type: 'string', text: true },
  code: { type: 'string', pattern: '^[^\\s]+( [^\\s]+)*$' },
  id: { type: 'string', pattern: '^[A-Za-z0-9\\-.]{1,64}$' },
  uri: { type: 'string', pattern: '^\\S+$' },
  url: { type: 'string', pattern: '^\\S+$' },
  canonical: { type: 'string', pattern: '^\\S+$' },
};

/** The schema of a primitive type: ours for those above, else by the regular expression in its definition. */
export function primitiveSchema({ type, snapshot }) {
  const known = forms[type];
  if (known) return { ...known };
  const value = snapshot.element.find(({ path }) => path === `${type}.value`);
  const expression = value?.type?.[0]?.extension?.find(({ url }) => url.endsWith('/regex'))?.valueString;
  return { type: 'string', pattern: expression ? `^(?:${expression})$` : '^\\S+$' };
}

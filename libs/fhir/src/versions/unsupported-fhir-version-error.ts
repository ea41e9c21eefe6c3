/** A FHIR version that this release does not have. The control plane answers it with 422. */
export class UnsupportedFhirVersionError extends Error {
  override readonly name = 'UnsupportedFhirVersionError';

  constructor(
    readonly requested: string,
    readonly supported: readonly { id: string; label: string }[],
  ) {
    super(`FHIR version ${JSON.stringify(requested.slice(0, 40))} is not supported; supported: ${list(supported)}`);
  }
}

function list(versions: readonly { id: string; label: string }[]): string {
  return versions.map(({ id, label }) => `${id} (${label})`).join(', ');
}

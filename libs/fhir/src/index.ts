/** #fhir: what the FHIR standard says, as pure functions and data. No input or output beyond reading its definitions. */
export type { JsonObject, JsonValue } from './json/json-value.js';
export { isJsonObject } from './json/json-value.js';
export { readResource, type ResourceText } from './json/read-resource.js';
export { elementPlaces } from './json/element-places.js';
export { memberName, spansOf } from './json/members.js';
export { readBundle, type BundleText } from './json/read-bundle.js';
export { plainValue, readLossless, writeLossless } from './patch/lossless-json.js';
export { bodyHead, bodyTail, spliceExtendedMeta } from './json/stored-body.js';
export { binaryUrls, type BinaryUrl } from './attachments/binary-urls.js';
export { fhirpathPatch } from './patch/fhirpath-patch.js';
export { jsonPatch, metaPatch, type ResourcePatch } from './patch/resource-patch.js';
export { fhirpathCompiler, type EvaluateExpression } from './fhirpath/fhirpath-compiler.js';
export { fhirpathPackage } from './fhirpath/fhirpath-package.js';
export { fhirpathLiterals, isTooLargeExpression } from './fhirpath/expression-size.js';
export { TimeBudget } from './fhirpath/time-budget.js';
export { operationOutcome, type Issue } from './outcomes/issue.js';
export {
  badRequest,
  conflict,
  forbidden,
  gone,
  internalError,
  invalidResource,
  multipleMatches,
  notFound,
  notSupported,
  OutcomeError,
  type OutcomeCategory,
  preconditionFailed,
  tooCostly,
  tooLarge,
  unauthorized,
  unavailable,
  unprocessable,
} from './outcomes/outcome-error.js';
export { dateInterval, type DateInterval } from './dates/date-interval.js';
export { parameterKey } from './search-parameters/parameter-key.js';
export type { TypedValue } from './search-parameters/typed-value.js';
export type { SearchComponent } from './search-parameters/components.js';
export type { SearchParameter } from './search-parameters/search-parameter.js';
export type { OperationDescription, SearchParameterType } from './definitions/definition-folders.js';
export type { DefinitionResource, DefinitionType } from './definitions/definition-archive.js';
export type { StructureElement } from './definitions/structure.js';
export { compareVersions, parseCanonical } from './terminology/canonical.js';
export { type CodeSystem, codeSystemReader } from './terminology/code-system.js';
export { expandValueSet, type ExpansionWishes } from './terminology/expand-value-set.js';
export { readValueSet, type ValueSet } from './terminology/value-set.js';
export type { TerminologySource } from './terminology/value-set-codes.js';
export type { ValidationLevel } from './validation/resource-validator.js';
export type { Profile } from './profiles/profile.js';
export type { FhirVersion } from './versions/fhir-version.js';
export { fhirVersion, supportedFhirVersions } from './versions/registry.js';
export { UnsupportedFhirVersionError } from './versions/unsupported-fhir-version-error.js';

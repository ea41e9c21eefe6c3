/** #files: where large contents are kept, and how they are encrypted. It knows nothing of FHIR or of tenants. */
export type { ByteRange, FileKey, FileStorage, StoredFile } from './file-storage.js';
export { EncryptedFiles } from './encrypted-files.js';
export { LocalFileStorage } from './local-file-storage.js';

const DEFAULT_MAX_BYTES = 100 * 1024 * 1024;

/** How long contents may be. */
export class BinaryLimits {
  /** The longest content that is stored. */
  readonly maxBytes: number;
  /** The longest content that is shown inside its resource, as base64. */
  readonly maxInlineBytes = 10 * 1024 * 1024;

  constructor(maxBytes: number | undefined) {
    this.maxBytes = maxBytes ?? DEFAULT_MAX_BYTES;
  }
}

/** Where the launcher says what it does; pino's shape. */
export interface EmbeddedLog {
  info(message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

import { DefaultNamingStrategy } from 'typeorm';

/** Columns are the snake_case of their property: `purgeAfter` is stored in `purge_after`. */
export class SnakeCaseNaming extends DefaultNamingStrategy {
  override columnName(propertyName: string, customName: string): string {
    return customName || propertyName.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  }
}

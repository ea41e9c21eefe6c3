/** Something that the author has to put right; the message says what and how. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly exitStatus: 1 | 2 = 1,
  ) {
    super(message);
    this.name = 'Refusal';
  }
}

/** Refusals that stand in the audit already, so that whoever passes them on does not record them again. */
const recorded = new WeakSet<object>();

/** Notes that the refusal that `error` tells of has been recorded. */
export function denialRecorded(error: Error): void {
  recorded.add(error);
}

/** Whether `denialRecorded` was told of this error. */
export const isDenialRecorded = (error: object): boolean => recorded.has(error);

import { fault, plane, type Fault } from './fault.js';

/** A session whose policy limits no search. */
const unlimitedSession =
  'Object.create(session, { caller: { value: (...of) => { const caller = session.caller(...of); return { ...caller, policy: Object.create(caller.policy, { limits: { value: () => [] } }) }; } } })';

/** Those of what is answered later, and of who may have it. */
export const jobFaults: readonly Fault[] = [
  fault(
    'exports are not limited by the policy',
    ['export'],
    `${plane}fhir/jobs/job-work.js`,
    'return runAsSession(session, {',
    `return runAsSession(${unlimitedSession}, {`,
  ),
  fault(
    'an export is handed out to whoever may follow it',
    ['job'],
    `${plane}fhir/jobs/export.controller.js`,
    'this.jobs.findWithResult(request, id, isExport)',
    'this.jobs.find(request, id, isExport)',
  ),
  fault(
    'whoever knows the address of a job may follow it',
    ['job'],
    `${plane}fhir/jobs/async-jobs.js`,
    'return membership === membershipId || policy.projectAdmin;',
    'return true;',
  ),
  fault(
    'an app with scopes is given what was asked for without',
    ['job'],
    `${plane}fhir/jobs/async-jobs.js`,
    'if (policy.isScoped && starter.loginId !== loginId) return false;',
    '',
  ),
  fault(
    'every administrator is given what others have asked for',
    ['job'],
    `${plane}fhir/jobs/job-rights.js`,
    "return showsAll(runtime, current.policy, types) ? 'granted' : 'refused';",
    "return 'granted';",
  ),
  fault(
    'what was made under other rights is handed out',
    ['job'],
    `${plane}fhir/jobs/job-rights.js`,
    "return rights === markOf(reopened.current.policy) ? 'granted' : 'rights-changed';",
    "return 'granted';",
  ),
  fault(
    'the mark of rights does not tell policies apart',
    ['job'],
    `${plane}fhir/jobs/job-rights.js`,
    'sha256(JSON.stringify([',
    'sha256(JSON.stringify([policy.projectAdmin] ?? [',
  ),
];

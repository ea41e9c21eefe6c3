/** The faults that are tried, by what part of the server they are in. */
import { fault, plane, policy, search, store, type Fault } from './fault.js';
import { jobFaults } from './job-faults.js';

const writing = (made: Fault): Fault => ({ ...made, writes: true });

/** A caller whose policy limits no search. */
const unlimited =
  '{ ...context, caller: { ...context.caller, policy: Object.create(context.caller.policy, { limits: { value: () => [] } }) } }';

const anyRestriction = '{ ...planning, restrict: () => [] }';

const searchFaults: readonly Fault[] = [
  fault(
    'searches are not limited by the policy',
    ['parameter', 'expansion'],
    `${store}search/search-rights.js`,
    'caller.policy.limits(interaction, type)',
    '[]',
  ),
  fault(
    'what is included is not limited',
    ['include'],
    `${search}plan-includes.js`,
    'planType(planning, interaction,',
    `planType(interaction === 'read' ? ${anyRestriction} : planning, interaction,`,
  ),
  fault(
    'what refers to the matches is not limited',
    ['revinclude'],
    `${search}plan-includes.js`,
    'planType(planning, interaction,',
    `planType(interaction === 'search' ? ${anyRestriction} : planning, interaction,`,
  ),
  fault(
    'chains lead through everything',
    ['chain'],
    `${search}plan-criteria.js`,
    "planType(planning, 'search', target)",
    `planType(${anyRestriction}, 'search', target)`,
  ),
  fault(
    '_has looks at everything',
    ['has', 'list'],
    `${search}plan-criteria.js`,
    "planType(planning, 'search', criterion.source)",
    `planType(${anyRestriction}, 'search', criterion.source)`,
  ),
  fault(
    'totals count everything',
    ['total'],
    `${store}search/search.js`,
    'total: await countMatches(scope, plan)',
    'total: await countMatches(scope, planSearch(tenant.version, { ...request, cursor: undefined }, tenant.hasher, () => []))',
  ),
  fault(
    'no rule for a type is no limit',
    ['revinclude', 'chain'],
    `${policy}rules/type-rules.js`,
    'if (first === undefined || others.length === 0) return first;',
    'if (first === undefined || others.length === 0) return first ?? [];',
  ),
  fault(
    'every rule of a type counts, whatever its interactions',
    ['type', 'total', 'parameter'],
    `${policy}rules/type-rules.js`,
    'return rules.every(takesPart) ? rules : rules.filter(takesPart);',
    'return rules.some(takesPart) ? rules : [];',
  ),
  fault(
    'a cursor fits every search',
    ['cursor'],
    `${search}cursor.js`,
    'function searchIdentity(request) {',
    "function searchIdentity(request) { return Buffer.from('0'.repeat(64), 'hex');",
  ),
  fault(
    'hidden fields can be searched',
    ['hidden'],
    `${store}search/askable-request.js`,
    'criteria.some((criterion)=>sight.isTold(type, criterion))',
    'false',
  ),
  fault(
    'hidden fields can be sorted by',
    ['hidden'],
    `${store}search/askable-request.js`,
    'request.sort.some(({ code })=>sight.isParameterTold(type, code))',
    'false',
  ),
  fault(
    'searches show hidden fields',
    ['type', 'parameter'],
    `${store}search/search.js`,
    "shownAmong(context, 'search', found.hits)",
    'found.hits',
  ),
];

const readFaults: readonly Fault[] = [
  fault(
    'reads, versions and histories look at the type alone',
    ['read', 'vread', 'history'],
    `${store}reading/readings.js`,
    'if (isGrantedUnseen(this.context, interaction, current.type)) return [];',
    'return [];',
  ),
  fault(
    'versions are shown without judging the resource',
    ['vread'],
    `${store}reading/readings.js`,
    "if (isGrantedUnseen(this.context, 'vread', type)) return",
    'if (type.length > 0) return',
  ),
  fault(
    'histories of types are not sieved',
    ['history'],
    `${store}reading/readings.js`,
    'types, sieve);',
    'types, undefined);',
  ),
  fault(
    'the history of one resource is not judged',
    ['history'],
    `${store}reading/readings.js`,
    'if (type === undefined || id === undefined || sieve === undefined) return scope.run(read);',
    'return scope.run(read);',
  ),
  fault(
    'old versions show hidden fields',
    ['old-version'],
    `${store}reading/readings.js`,
    'return present(this.context, version, hidden);',
    'return present(this.context, version);',
  ),
  fault(
    'several resources are read at once without being judged',
    ['graphql', 'everything'],
    `${store}reading/readings.js`,
    "shownBy(this.context, 'read', found) ?? []",
    'found',
  ),
  fault(
    '$everything does not look at the patient',
    ['everything'],
    `${plane}fhir/operations/everything.controller.js`,
    'if (id !== undefined) await repository.read(type, id);',
    '',
  ),
  fault(
    'the security context of files is ignored',
    ['binary'],
    `${store}rights/guarded-binaries.js`,
    'return guard === undefined ||',
    'return true ||',
  ),
  fault(
    'a refusal tells what was refused',
    ['read'],
    `${store}rights/judge-stored.js`,
    'if (grant === undefined) throw forbidden();',
    'if (grant === undefined) throw forbidden(content.body);',
  ),
  fault(
    'a refusal is logged with the resource',
    ['read'],
    `${store}rights/judge-stored.js`,
    'if (grant === undefined) throw forbidden();',
    'if (grant === undefined) { console.log(content.body); throw forbidden(); }',
  ),
  fault(
    'compiled rules are shared by all members',
    ['type', 'history', 'parameter'],
    `${policy}effective-policy.js`,
    'const key = `${this.serial} ${type}`;',
    'const key = type;',
  ),
  {
    name: 'sessions are found by their token alone',
    families: ['foreign'],
    edits: [
      { file: `${plane}auth/session-cache.js`, find: 'entry.projectId + credential', replace: 'credential' },
      { file: `${plane}auth/session-cache.js`, find: 'session.runtime.serves(entry) &&', replace: '' },
    ],
  },
  fault(
    'rights are not compared with the epoch',
    ['revocation'],
    `${store}caller.js`,
    'if (expected !== undefined && expected !== current)',
    'if (expected === null)',
  ),
  fault(
    'everybody administers the project',
    ['admin'],
    `${plane}admin/project-administration.js`,
    'if (isOwn && (',
    'if (true || (',
  ),
  fault(
    'the project in the path of an administrative route is not looked at',
    ['foreign'],
    `${plane}admin/project-administration.js`,
    'if (isOwn && (',
    'if ((',
  ),
  fault(
    'everybody acts on behalf of everybody',
    ['admin'],
    `${plane}admin/on-behalf-of.js`,
    'if (!session.current.policy.projectAdmin &&',
    'if (false &&',
  ),
];

const writeFaults: readonly Fault[] = [
  {
    name: 'what somebody writes has their name beside it',
    families: ['author'],
    edits: [
      {
        file: `${plane}auth/session.js`,
        find: 'onBehalfOf: this.actor === undefined',
        replace: 'author: this.actor?.current.profile ?? profile, onBehalfOf: this.actor === undefined',
      },
      {
        file: `${store}writing/draft.js`,
        find: 'reference: author',
        replace: 'reference: author.reference, display: author.display',
      },
    ],
  },
  fault(
    'what is written over is not judged',
    ['before'],
    `${store}rights/write-rights.js`,
    'return judgeStored(context, scope, interaction, current);',
    'return undefined;',
  ),
  fault(
    'what is deleted is not judged',
    ['delete', 'conditional'],
    `${store}rights/write-rights.js`,
    'return judgeStored(context, scope, interaction, current);',
    "return interaction === 'delete' ? undefined : judgeStored(context, scope, interaction, current);",
  ),
  fault(
    'what is left by a write is not judged',
    ['after'],
    `${store}rights/write-rights.js`,
    'if (grant === undefined) throw forbidden();',
    'if (grant === undefined) return allRights;',
  ),
  fault(
    'constraints are not checked',
    ['constraint'],
    `${store}rights/write-rights.js`,
    'if (!constraintsHold(tenant.version, grant.writeConstraints, states)) throw forbidden();',
    '',
  ),
  fault(
    'conditions are satisfied by what the caller cannot see',
    ['conditional'],
    `${store}writing/conditional.js`,
    'await runSearch(context, scope, request)',
    `await runSearch(${unlimited}, scope, request)`,
  ),
  fault(
    'conditional deletes find what the caller cannot see',
    ['conditional'],
    `${store}writing/conditional-delete.js`,
    'await findMatches(context, scope, request)',
    `await findMatches(${unlimited}, scope, request)`,
  ),
  fault(
    'the answer to a write shows hidden fields',
    ['hidden'],
    `${store}writing/writes.js`,
    'withoutFields(context, version, finished?.hidden ?? [])',
    'withoutFields(context, version, [])',
  ),
  fault(
    'patches work on hidden fields',
    ['hidden'],
    `${store}writing/patch-resource.js`,
    'fields.hidden.length === 0 ? current.body : hideFields(current.body, fields.hidden)',
    'current.body',
  ),
  fault(
    'accounts are taken from the body',
    ['accounts'],
    `${store}accounts/decide-accounts.js`,
    'if (decides && sent !== undefined) {',
    'if (sent !== undefined) {',
  ),
  fault(
    'everything may be written into every chart',
    ['chart'],
    `${store}accounts/finish-draft.js`,
    'if (!filing.patients.every((patient)=>charts.isReadable(patient))) throw forbidden();',
    '',
  ),
  fault(
    'everybody sets accounts',
    ['operation'],
    `${store}accounts/set-accounts.js`,
    'if (!caller.policy.projectAdmin) throw forbidden();',
    '',
  ),
  fault(
    'everybody expunges what they may delete',
    ['operation'],
    `${store}expunge/expunge.js`,
    'if (!caller.policy.projectAdmin) throw forbidden();',
    '',
  ),
];

/** Those of log-ins and of addresses that need none. */
const identityFaults: readonly Fault[] = [
  fault(
    'everybody is told for whom an app was launched',
    ['launch'],
    `${plane}auth/login/login-flow.js`,
    'if (!await mayReadLaunch(',
    'if (false && !await mayReadLaunch(',
  ),
  fault(
    'an address that is signed for one file is good for all',
    ['storage'],
    `${plane}storage/storage-links.js`,
    'if (!timingSafeEqual(',
    'if (false && !timingSafeEqual(',
  ),
];

/** Those that read come first: they leave the projects as they are. */
export const faults: readonly Fault[] = [
  ...searchFaults,
  ...readFaults,
  ...identityFaults,
  ...jobFaults,
  ...writeFaults.map(writing),
];

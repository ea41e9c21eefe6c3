import { alterTableTouches } from './alter-table-touches.js';
import type { LockRowName } from './lock-rows.js';
import type { StatementNode } from './parse-statement.js';
import { nameIn, type NodeContent, type NodeKind, nodesOf, relationName, relationsIn } from './statement-nodes.js';
import { referencedTables, type Touch } from './touch.js';

/** What a statement does, object by object. A kind of statement that is not known here counts as one that runs code. */
export function touchesOf(node: StatementNode): Touch[] {
  const [[kind, content]] = Object.entries(node) as [[NodeKind, never]];
  return readers[kind]?.(content) ?? one('a statement that runs code');
}

type Readers = { readonly [Kind in NodeKind]?: (content: NodeContent<Kind>) => Touch[] };

const one = (row: LockRowName, object: string | null = null): Touch[] => [{ row, object }];
const isSet = (options: unknown, name: string): boolean =>
  nodesOf('DefElem', options).some(({ defname }) => defname === name);

const readers: Readers = {
  CreateStmt: ({ relation, tableElts, if_not_exists }) => [
    made('CREATE TABLE', relationName(relation), if_not_exists),
    ...referencedTables(nodesOf('Constraint', tableElts)),
  ],
  CreateTableAsStmt: ({ into, query, if_not_exists }) => [
    made('CREATE TABLE AS', relationName(into?.rel), if_not_exists),
    ...relationsIn(query).map((object): Touch => ({
      row: into?.skipData === true ? 'SELECT' : 'SELECT into a table',
      object,
    })),
  ],
  ViewStmt: ({ view, query, replace }) => [
    replace === true ? replaced(relationName(view)) : made('CREATE VIEW', relationName(view)),
    ...relationsIn(query).map((object): Touch => ({ row: 'SELECT', object })),
  ],
  CreateFunctionStmt: ({ funcname, replace }) => [
    replace === true ? replaced(nameIn(funcname)) : made('CREATE FUNCTION', nameIn(funcname)),
  ],
  CreateSeqStmt: ({ sequence, if_not_exists }) => [made('CREATE SEQUENCE', relationName(sequence), if_not_exists)],
  CreateEnumStmt: ({ typeName }) => [{ row: 'CREATE TYPE', object: nameIn(typeName), isNew: true }],
  CreateDomainStmt: ({ domainname }) => [{ row: 'CREATE TYPE', object: nameIn(domainname), isNew: true }],
  CompositeTypeStmt: ({ typevar }) => [{ row: 'CREATE TYPE', object: relationName(typevar), isNew: true }],
  CreateExtensionStmt: ({ extname }) => one('CREATE EXTENSION', extname ?? null),
  CreateSchemaStmt: ({ schemaname }) => one('CREATE SCHEMA', schemaname ?? null),
  CreateStatsStmt: ({ relations }) =>
    relationsIn(relations).map((object): Touch => ({ row: 'CREATE STATISTICS', object })),
  CreateTrigStmt: ({ relation }) => one('CREATE TRIGGER', relationName(relation)),
  CreatePolicyStmt: ({ table }) => one('CREATE POLICY', relationName(table)),
  RuleStmt: ({ relation }) => one('CREATE RULE', relationName(relation)),

  IndexStmt: ({ concurrent, relation }) =>
    one(concurrent === true ? 'CREATE INDEX CONCURRENTLY' : 'CREATE INDEX', relationName(relation)),
  ReindexStmt: ({ params, relation }) =>
    one(isSet(params, 'concurrently') ? 'REINDEX CONCURRENTLY' : 'REINDEX', relationName(relation)),

  AlterTableStmt: alterTableTouches,
  AlterSeqStmt: ({ sequence }) => one('ALTER SEQUENCE', relationName(sequence)),
  AlterEnumStmt: ({ typeName, oldVal }) =>
    one(oldVal === undefined ? 'ALTER TYPE ADD VALUE' : 'ALTER … RENAME', nameIn(typeName)),
  AlterFunctionStmt: ({ func }) => one('ALTER FUNCTION', nameIn(func?.objname)),
  AlterOwnerStmt: ({ object }) => one('ALTER FUNCTION', nameIn(object)),
  AlterObjectSchemaStmt: ({ relation, object }) => one('ALTER … SET SCHEMA', relationName(relation) ?? nameIn(object)),
  RenameStmt: ({ renameType, relation, object }) =>
    one(
      renameType === 'OBJECT_INDEX' ? 'ALTER INDEX RENAME' : 'ALTER … RENAME',
      relationName(relation) ?? nameIn(object),
    ),

  DropStmt: ({ removeType, objects = [], concurrent }) =>
    objects.map((object): Touch => {
      if (removeType === 'OBJECT_INDEX') {
        return { row: concurrent === true ? 'DROP INDEX CONCURRENTLY' : 'DROP INDEX', object: nameIn(object) };
      }
      if (removeType === 'OBJECT_TABLE' || removeType === 'OBJECT_MATVIEW' || removeType === 'OBJECT_VIEW') {
        return { row: 'DROP TABLE', object: nameIn(object) };
      }
      if (removeType === 'OBJECT_TRIGGER' || removeType === 'OBJECT_POLICY' || removeType === 'OBJECT_RULE') {
        return { row: 'DROP TRIGGER', object: ownerName(object) };
      }
      return { row: 'DROP', object: nameIn(object) };
    }),

  GrantStmt: ({ is_grant, grantees, objects }) => {
    if (is_grant === true) return one('GRANT');
    const isOfEverybody = nodesOf('RoleSpec', grantees).every(({ roletype }) => roletype === 'ROLESPEC_PUBLIC');
    if (isOfEverybody) return one('REVOKE FROM PUBLIC');
    const functions = nodesOf('ObjectWithArgs', objects).map(({ objname }) => nameIn(objname));
    const names = [...relationsIn(objects), ...functions];
    return names.length === 0 ? one('REVOKE') : names.map((object): Touch => ({ row: 'REVOKE', object }));
  },
  GrantRoleStmt: ({ is_grant }) => one(is_grant === true ? 'GRANT' : 'REVOKE'),
  AlterDefaultPrivilegesStmt: () => one('GRANT'),
  CommentStmt: ({ objtype, object }) =>
    one('COMMENT', objtype === 'OBJECT_COLUMN' ? ownerName(object) : nameIn(object)),
  VariableSetStmt: () => one('SET'),

  SelectStmt: (select) => {
    const changed = changesIn(select);
    if (changed.length > 0) return changed;
    if (nodesOf('LockingClause', select).length > 0) {
      return relationsIn(select).map((object): Touch => ({ row: 'SELECT FOR UPDATE', object }));
    }
    // Nobody reads what a migration selects, so it is there for what a function does.
    if (nodesOf('FuncCall', select).length > 0) return one('a statement that runs code');
    return relationsIn(select).map((object): Touch => ({ row: 'SELECT', object }));
  },
  InsertStmt: (insert) => {
    const rows = insert.selectStmt;
    const isFewRows = rows === undefined || relationsIn(rows).length === 0;
    return [
      { row: isFewRows ? 'INSERT' : 'INSERT, UPDATE, DELETE or MERGE', object: relationName(insert.relation) },
      ...relationsIn(rows).map((object): Touch => ({ row: 'SELECT into a table', object })),
      ...changesIn(insert),
    ];
  },
  UpdateStmt: (update) => [changing(relationName(update.relation)), ...changesIn(update)],
  DeleteStmt: (deletion) => [changing(relationName(deletion.relation)), ...changesIn(deletion)],
  MergeStmt: (merge) => [changing(relationName(merge.relation)), ...changesIn(merge)],
  CopyStmt: ({ relation, is_from }) =>
    is_from === true ? [changing(relationName(relation))] : one('SELECT', relationName(relation)),
  TruncateStmt: ({ relations }) => relationsIn(relations).map((object): Touch => ({ row: 'TRUNCATE', object })),
  LockStmt: ({ relations }) => relationsIn(relations).map((object): Touch => ({ row: 'LOCK TABLE', object })),

  VacuumStmt: ({ is_vacuumcmd, options, rels = [] }) => {
    const row = is_vacuumcmd !== true ? 'ANALYZE' : isSet(options, 'full') ? 'VACUUM FULL' : 'VACUUM';
    const names = nodesOf('VacuumRelation', rels).map(({ relation }) => relationName(relation));
    return names.length === 0 ? one(row) : names.map((object): Touch => ({ row, object }));
  },
  ClusterStmt: ({ relation }) => one('CLUSTER', relationName(relation)),
  RefreshMatViewStmt: ({ relation, concurrent }) =>
    one(
      concurrent === true ? 'REFRESH MATERIALIZED VIEW CONCURRENTLY' : 'REFRESH MATERIALIZED VIEW',
      relationName(relation),
    ),
};

/** What is made. With `IF NOT EXISTS` it may be there and in use, so what is done to it afterwards counts. */
const made = (row: LockRowName, object: string | null, ifNotExists?: boolean): Touch =>
  ifNotExists === true ? { row, object } : { row, object, isNew: true };

/** What is made with `OR REPLACE` may be there, and in use. */
const replaced = (object: string | null): Touch => ({ row: 'CREATE OR REPLACE', object });

const changing = (object: string | null): Touch => ({ row: 'INSERT, UPDATE, DELETE or MERGE', object });

/** What the WITH clauses within a statement change. */
function changesIn(node: unknown): Touch[] {
  return (['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'] as const)
    .flatMap((kind) => nodesOf(kind, node))
    .map(({ relation }) => changing(relationName(relation)));
}

/** The table of a trigger, a policy or a column, which is named last. */
function ownerName(object: unknown): string | null {
  const full = nameIn(object);
  return full === null ? null : full.split('.').slice(0, -1).join('.') || null;
}

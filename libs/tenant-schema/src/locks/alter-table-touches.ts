import type { AlterTableCmd, AlterTableStmt, AlterTableType, ColumnDef, Constraint } from 'libpg-query';
import type { LockRowName } from './lock-rows.js';
import { nodesOf, relationName, stringsIn } from './statement-nodes.js';
import { referencedTables, type Touch } from './touch.js';

/** What the parts of an ALTER TABLE, ALTER INDEX or ALTER VIEW do; PostgreSQL takes the strongest of their locks at once. */
export function alterTableTouches({ objtype, relation, cmds = [] }: AlterTableStmt): Touch[] {
  const object = relationName(relation);
  return nodesOf('AlterTableCmd', cmds).flatMap((command): Touch[] => {
    if (objtype === 'OBJECT_INDEX') return [{ row: 'ALTER INDEX', object }];
    const constraints = nodesOf('Constraint', command.def);
    return [{ row: rowOf(command), object }, ...referencedTables(constraints)];
  });
}

const rowsOfParts: Partial<Record<AlterTableType, LockRowName>> = {
  AT_DropColumn: 'ALTER TABLE DROP COLUMN',
  AT_AlterColumnType: 'ALTER COLUMN TYPE',
  AT_ColumnDefault: 'ALTER COLUMN SET DEFAULT',
  AT_SetNotNull: 'ALTER COLUMN SET NOT NULL',
  AT_DropNotNull: 'ALTER COLUMN DROP NOT NULL',
  AT_SetStatistics: 'ALTER COLUMN SET STATISTICS',
  AT_SetOptions: 'ALTER COLUMN SET (options)',
  AT_ResetOptions: 'ALTER COLUMN SET (options)',
  AT_SetStorage: 'ALTER COLUMN SET STORAGE',
  AT_SetExpression: 'ALTER TABLE ADD COLUMN with a computed default',
  AT_ValidateConstraint: 'VALIDATE CONSTRAINT',
  AT_DropConstraint: 'DROP CONSTRAINT',
  AT_SetRelOptions: 'ALTER TABLE SET (options)',
  AT_ResetRelOptions: 'ALTER TABLE SET (options)',
  AT_ClusterOn: 'ALTER TABLE CLUSTER ON',
  AT_DropCluster: 'ALTER TABLE CLUSTER ON',
  AT_EnableTrig: 'ALTER TABLE ENABLE TRIGGER',
  AT_DisableTrig: 'ALTER TABLE DISABLE TRIGGER',
  AT_EnableTrigAll: 'ALTER TABLE ENABLE TRIGGER',
  AT_DisableTrigAll: 'ALTER TABLE DISABLE TRIGGER',
  AT_EnableTrigUser: 'ALTER TABLE ENABLE TRIGGER',
  AT_DisableTrigUser: 'ALTER TABLE DISABLE TRIGGER',
  AT_EnableAlwaysTrig: 'ALTER TABLE ENABLE TRIGGER',
  AT_EnableReplicaTrig: 'ALTER TABLE DISABLE TRIGGER',
  AT_EnableRowSecurity: 'ALTER TABLE ENABLE ROW LEVEL SECURITY',
  AT_ForceRowSecurity: 'ALTER TABLE ENABLE ROW LEVEL SECURITY',
  AT_SetLogged: 'ALTER TABLE SET LOGGED, UNLOGGED or ACCESS METHOD',
  AT_SetUnLogged: 'ALTER TABLE SET LOGGED, UNLOGGED or ACCESS METHOD',
  AT_SetAccessMethod: 'ALTER TABLE SET LOGGED, UNLOGGED or ACCESS METHOD',
  AT_SetTableSpace: 'ALTER TABLE SET LOGGED, UNLOGGED or ACCESS METHOD',
};

function rowOf({ subtype, def }: AlterTableCmd): LockRowName {
  if (subtype === 'AT_AddColumn' && def !== undefined && 'ColumnDef' in def) return addedColumn(def.ColumnDef);
  if (subtype === 'AT_AddConstraint' && def !== undefined && 'Constraint' in def) {
    return addedConstraint(def.Constraint);
  }
  return (subtype === undefined ? undefined : rowsOfParts[subtype]) ?? 'ALTER TABLE';
}

function addedConstraint({ contype, skip_validation, indexname }: Constraint): LockRowName {
  if (contype === 'CONSTR_FOREIGN') {
    return skip_validation === true ? 'ADD CONSTRAINT FOREIGN KEY NOT VALID' : 'ADD CONSTRAINT FOREIGN KEY';
  }
  if (contype === 'CONSTR_PRIMARY' || contype === 'CONSTR_UNIQUE' || contype === 'CONSTR_EXCLUSION') {
    return indexname === undefined ? 'ADD CONSTRAINT with an index' : 'ADD CONSTRAINT USING INDEX';
  }
  return skip_validation === true ? 'ADD CONSTRAINT NOT VALID' : 'ADD CONSTRAINT';
}

/** A new column leaves the rows alone when what it holds in them is one value for all, which the catalog then keeps. */
function addedColumn({ constraints = [], typeName }: ColumnDef): LockRowName {
  const of = nodesOf('Constraint', constraints);
  const has = (...kinds: Constraint['contype'][]): boolean => of.some(({ contype }) => kinds.includes(contype));
  const isSerial = /^(small|big)?serial\d?$/.test(stringsIn(typeName?.names).at(-1) ?? '');
  const fallback = of.find(({ contype }) => contype === 'CONSTR_DEFAULT')?.raw_expr;
  const isStored = of.some(({ contype, generated_kind }) => contype === 'CONSTR_GENERATED' && generated_kind !== 'v');
  if (isSerial || isStored || has('CONSTR_IDENTITY') || mayDifferByRow(fallback)) {
    return 'ALTER TABLE ADD COLUMN with a computed default';
  }
  if (has('CONSTR_PRIMARY', 'CONSTR_UNIQUE')) return 'ADD CONSTRAINT with an index';
  if (has('CONSTR_CHECK')) return 'ADD CONSTRAINT';
  if (has('CONSTR_NOTNULL') && fallback === undefined && !has('CONSTR_GENERATED')) {
    return 'ALTER TABLE ADD COLUMN NOT NULL without default';
  }
  return has('CONSTR_FOREIGN') && fallback !== undefined ? 'ADD CONSTRAINT FOREIGN KEY' : 'ALTER TABLE ADD COLUMN';
}

/** Functions that give the same all through a statement; of others nobody knows from here, so they count as volatile. */
const sameForAllRows = new Set(['now', 'transaction_timestamp', 'statement_timestamp']);

const mayDifferByRow = (expression: unknown): boolean =>
  nodesOf('FuncCall', expression).some(({ funcname }) => !sameForAllRows.has(stringsIn(funcname).at(-1) ?? ''));

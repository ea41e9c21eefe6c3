import { AuditRecord } from '../audit/audit-record.entity.js';
import { Cluster } from '../clusters/cluster.entity.js';
import { OperationStep } from '../operations/operation-step.entity.js';
import { Operation } from '../operations/operation.entity.js';
import { ApiKey } from '../operators/api-key.entity.js';
import { Operator } from '../operators/operator.entity.js';
import { BaseUrl } from '../projects/base-url.entity.js';
import { Placement } from '../projects/placement.entity.js';
import { Project } from '../projects/project.entity.js';
import { DataKey } from '../secrets/data-key.entity.js';
import { SigningKey } from '../secrets/signing-key.entity.js';
import { TenantDatabase } from '../tenant-databases/tenant-database.entity.js';

/** The tables that TypeORM reads as objects; the other ones are met only in statements of their repository. */
export const entities = [
  ApiKey,
  AuditRecord,
  BaseUrl,
  Cluster,
  DataKey,
  Operation,
  OperationStep,
  Operator,
  Placement,
  Project,
  SigningKey,
  TenantDatabase,
];

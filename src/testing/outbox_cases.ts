import { outboxAppendCases } from "./outbox_append_cases.ts";
import { outboxDeadLetterCases } from "./outbox_dead_letter_cases.ts";
import { outboxFailureCases } from "./outbox_failure_cases.ts";
import { outboxHistoryCases } from "./outbox_history_cases.ts";
import { outboxLeaseCases } from "./outbox_lease_cases.ts";
import { outboxReadCases } from "./outbox_read_cases.ts";
import { outboxRetentionCases } from "./outbox_retention_cases.ts";
import { outboxSharingCases } from "./outbox_sharing_cases.ts";
import { outboxStatisticsCases } from "./outbox_statistics_cases.ts";
import { outboxWriterCases } from "./outbox_writer_cases.ts";
import type { StorageCase } from "./storage_steps.ts";

/**
 * What every {@linkcode OutboxStore} must do. Cases that need `"concurrency"` are for harnesses
 * that have it.
 */
export const outboxCases: ReadonlyArray<StorageCase> = [
  ...outboxAppendCases,
  ...outboxWriterCases,
  ...outboxReadCases,
  ...outboxFailureCases,
  ...outboxDeadLetterCases,
  ...outboxLeaseCases,
  ...outboxSharingCases,
  ...outboxRetentionCases,
  ...outboxStatisticsCases,
  ...outboxHistoryCases,
];

import { outboxAppendCases } from "./outbox_append_cases.ts";
import { outboxDeadLetterCases } from "./outbox_dead_letter_cases.ts";
import { outboxDeadLetterListCases } from "./outbox_dead_letter_list_cases.ts";
import { outboxFailureCases } from "./outbox_failure_cases.ts";
import { outboxHistoryCases } from "./outbox_history_cases.ts";
import { outboxLeaseCases } from "./outbox_lease_cases.ts";
import { outboxReadCases } from "./outbox_read_cases.ts";
import { outboxRefusalCases } from "./outbox_refusal_cases.ts";
import { outboxRetentionCases } from "./outbox_retention_cases.ts";
import { outboxSharingCases } from "./outbox_sharing_cases.ts";
import { outboxStatisticsCases } from "./outbox_statistics_cases.ts";
import { outboxWriterCases } from "./outbox_writer_cases.ts";
import type { StorageCase } from "./storage_steps.ts";

/**
 * What every {@linkcode OutboxStore} must do. They are run as the {@linkcode storageCases} are, and
 * leave sessions open, which the harness' disposal must put up with. Those that need
 * `"concurrency"` are left out where a harness says that it has none.
 */
export const outboxCases: ReadonlyArray<StorageCase> = [
  ...outboxAppendCases,
  ...outboxRefusalCases,
  ...outboxWriterCases,
  ...outboxReadCases,
  ...outboxFailureCases,
  ...outboxDeadLetterCases,
  ...outboxDeadLetterListCases,
  ...outboxLeaseCases,
  ...outboxSharingCases,
  ...outboxRetentionCases,
  ...outboxStatisticsCases,
  ...outboxHistoryCases,
];

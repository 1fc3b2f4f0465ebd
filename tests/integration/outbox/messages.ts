import { notification, type } from "@sluice/cqrs";

/** What the tests store: messages that are numbered within their key. */
export const Noted = notification("noted", {
  topic: "notes",
  data: type<{ key: string; n: number }>(),
  key: ({ key }) => key,
});

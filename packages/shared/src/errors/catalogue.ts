/**
 * Every operational error that Millrace can raise: the world failing, not our own mistake.
 *
 * Each code has a page in docs/errors/ that says what it means and what to do; a test compares this
 * list, the pages and the codes raised in the source. `retry` tells a caller whether the same call may
 * succeed: never, later by itself, or after the operator did something.
 */
export const catalogue = {
  "CONFIG-001": { title: "a setting is not known", retry: "after-repair" },
  "CONFIG-002": { title: "a setting has a value that it cannot have", retry: "after-repair" },
  "CONFIG-003": { title: "listening beyond this machine needs a token", retry: "after-repair" },
  "START-001": { title: "the port is in use", retry: "after-repair" },
  "START-002": { title: "the servers are not safe to keep state on", retry: "after-repair" },
  "START-003": { title: "another process uses this data folder", retry: "after-repair" },
  "START-004": { title: "the data folder cannot be used", retry: "after-repair" },
  "PROCESS-001": { title: "the event loop of the process hung", retry: "later" },
  "LOG-001": { title: "the log cannot be reached", retry: "later" },
  "LOG-002": { title: "an append was not answered", retry: "later" },
  "LOG-003": { title: "the log refused a record", retry: "never" },
  "LOG-004": { title: "this is another log than before", retry: "after-repair" },
  "LOG-005": { title: "the log has lost records", retry: "after-repair" },
  "LOG-006": {
    title: "the log no longer holds the records that are needed",
    retry: "after-repair",
  },
  "LOG-007": { title: "a record of the journal cannot be read", retry: "after-repair" },
  "STATE-001": { title: "a newer claim owns this partition", retry: "never" },
  "STATE-002": { title: "the store holds another position than expected", retry: "never" },
  "STATE-003": { title: "the store cannot be reached", retry: "later" },
  "STATE-004": { title: "the store belongs to another log", retry: "after-repair" },
  "STATE-005": { title: "the store is being rebuilt", retry: "later" },
  "FLOW-001": { title: "a flow file cannot be read", retry: "after-repair" },
  "FLOW-002": { title: "what was to be published has faults", retry: "after-repair" },
  "FLOW-003": { title: "this flow comes from somewhere else", retry: "after-repair" },
  "FLOW-004": { title: "a flow module yields no flow", retry: "after-repair" },
  "API-001": { title: "there is no such thing here", retry: "never" },
  "API-002": { title: "the request is not valid", retry: "never" },
  "API-003": { title: "the request carries no valid token", retry: "after-repair" },
  "API-004": { title: "the server cannot answer now", retry: "later" },
} as const satisfies Record<string, { title: string; retry: "never" | "later" | "after-repair" }>;

export type ErrorCode = keyof typeof catalogue;

/** What each code carries, so that a handler reads fields and never parses a message. */
export interface ErrorFacts {
  "CONFIG-001": { name: string; from: string; nearest?: string };
  "CONFIG-002": { name: string; from: string; value: string; wanted: string };
  "CONFIG-003": { host: string };
  "START-001": { host: string; port: number; setting: string };
  "START-002": { risk: string; allow: string };
  "START-003": { folder: string; pid?: number };
  "START-004": { folder: string; cause: string };
  "PROCESS-001": {
    stalledMs: number;
    partition?: number;
    offset?: number;
    timer?: string;
    at?: readonly string[] | undefined;
    next: string;
  };
  "LOG-001": { what: string; cause: string };
  "LOG-002": { topic: string; partition: number; cause: string };
  "LOG-003": { topic: string; partition: number; cause: string };
  "LOG-004": { recorded: number; found: number };
  "LOG-005": { topic: string; partition: number; offset: number };
  "LOG-006": { topic: string; partition: number; wanted: number; start: number };
  "LOG-007": { topic: string; partition: number; offset: number; cause: string };
  "STATE-001": { partition: number; epoch: number; newerEpoch: number };
  "STATE-002": { partition: number; expected: string; held: string };
  "STATE-003": { url: string; cause: string };
  "STATE-004": { expected: string; found: string };
  "STATE-005": { partition: number; at: number; until: number };
  "FLOW-001": { file: string; cause: string };
  "FLOW-002": { faults: readonly object[] };
  "FLOW-003": { flow: string; origin: string };
  "FLOW-004": { file: string; cause: string };
  "API-001": { what: string };
  "API-002": { field: string; problem: string };
  "API-003": Record<string, never>;
  "API-004": { cause: string };
}

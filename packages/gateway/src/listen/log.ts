/** Something that happened to a connection, for operators. */
export interface ListenLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly event:
    | "connected"
    | "refused"
    | "ended"
    | "broken"
    | "retain-ignored"
    | "publish-failed"
    | "bug";
  /** `host:port` of the client. */
  readonly address: string;
  /** Known once the client was let in. */
  readonly ns?: string;
  /** Known once CONNECT was read. */
  readonly client?: string;
  readonly reason: string;
  /** Of the publish that it is about. */
  readonly trace_id?: string;
}

export type ListenLog = (line: ListenLine) => void;

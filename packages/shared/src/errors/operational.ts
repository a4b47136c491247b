import { catalogue, type ErrorCode, type ErrorFacts } from "./catalogue.ts";

/** The world failing, in a way that an operator can act on. */
export class OperationalError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = "OperationalError";
  readonly code: C;
  readonly facts: ErrorFacts[C];

  /** @param detail one sentence for the person who reads it: what happened, where, what to do */
  constructor(code: C, facts: ErrorFacts[C], detail: string, cause?: unknown) {
    super(`${code} ${catalogue[code].title}: ${detail}`, { cause });
    this.code = code;
    this.facts = facts;
  }

  get retry(): (typeof catalogue)[C]["retry"] {
    return catalogue[this.code].retry;
  }
}

export function isOperational<C extends ErrorCode>(
  error: unknown,
  ...codes: readonly C[]
): error is OperationalError<C> {
  return (
    error instanceof OperationalError && (codes.length === 0 || codes.includes(error.code as C))
  );
}

/** A sentence about anything thrown, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

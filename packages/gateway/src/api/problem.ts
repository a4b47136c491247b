import { type ErrorCode, type ErrorFacts, catalogue } from "@millrace/shared/errors/catalogue";
import { isOperational, OperationalError } from "@millrace/shared/errors/operational";

/** An error as RFC 9457 writes it. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly facts: object;
}

export const PROBLEM_JSON = "application/problem+json";

const statuses: Partial<Record<ErrorCode, number>> = {
  "API-001": 404,
  "API-002": 400,
  "API-003": 401,
  "API-004": 503,
  "FLOW-002": 422,
  "FLOW-003": 409,
  "LOG-001": 503,
  "LOG-002": 503,
  "LOG-006": 410,
  "STATE-003": 503,
  "STATE-005": 503,
};

/** The HTTP status of a code. */
export function statusOf(code: ErrorCode): number {
  return statuses[code] ?? 500;
}

/** @param status in place of the one that goes with its code */
export function problemOf(error: unknown, status?: number): Problem {
  if (!isOperational(error)) {
    return problemOf(
      new OperationalError(
        "API-004",
        { cause: "internal" },
        "the request could not be answered; the server's log says why",
      ),
    );
  }
  const { code, facts, message } = error;
  const { title } = catalogue[code];
  const detail = message.slice(`${code} ${title}: `.length);
  return {
    type: `urn:millrace:error:${code}`,
    title,
    status: status ?? statusOf(code),
    code,
    detail,
    facts,
  };
}

export function notFound(what: string): OperationalError<"API-001"> {
  return new OperationalError("API-001", { what }, `there is no ${what}`);
}

export function invalid(field: string, problem: string): OperationalError<"API-002"> {
  const facts: ErrorFacts["API-002"] = { field, problem };
  return new OperationalError("API-002", facts, `${field}: ${problem}`);
}

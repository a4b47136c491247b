import type { FaultCode, Path } from "./fault.ts";

/** An expression, or what it is part of, that cannot be compiled or worked out. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
  readonly code: FaultCode;
  /** Where it stands in what was to be compiled. */
  readonly place: Path;

  constructor(message: string, code: FaultCode = "expression", place: Path = []) {
    super(message);
    this.code = code;
    this.place = place;
  }
}

/** Compiles a part of something; what is wrong with it is said of its place. @throws ExpressionError */
export function within<T>(place: Path, compile: () => T): T {
  try {
    return compile();
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw new ExpressionError(error.message, error.code, [...place, ...error.place]);
  }
}

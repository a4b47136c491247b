import { textFault } from "../contract/names.ts";
import type { Scope, Visible } from "./expression.ts";
import { ExpressionError } from "./expression-error.ts";
import { compileName, type Template } from "./template.ts";

/** An effect that no executor could carry out, known only once its expressions are worked out. */
export class EffectError extends Error {
  override readonly name = "EffectError";
}

/**
 * Compiles a name that an effect cannot do without.
 *
 * @param what what it is the name of, for whoever reads that there is none
 * @throws ExpressionError at once or, where it is worked out, EffectError
 */
export function compileEffectName(text: string, what: string, visible: Visible): Template<string> {
  const name = compileName(text, visible);
  if (name.constant === "") throw new ExpressionError(`${what} is not empty`, "wrong-value");
  if (name.constant !== undefined) return name;
  const checked = (scope: Scope): string => {
    const value = name(scope);
    const fault = textFault(value);
    if (fault !== undefined) throw new EffectError(`${what} \`${text}\` ${fault}`);
    return value;
  };
  return Object.assign(checked, { uses: name.uses });
}

import { EffectError } from "./effect-name.ts";
import type { Scope, Visible } from "./expression.ts";
import { ExpressionError } from "./expression-error.ts";
import type { FaultCode } from "./fault.ts";
import { compileName, type Template } from "./template.ts";

/** Types of events: of those that a flow makes, and of those that it listens to. */
interface TypeFault {
  readonly code: FaultCode;
  readonly why: string;
}

/** What XState calls the events that it makes itself: whoever else makes one, forges it. */
export const OWN_TYPES = "xstate.";
/** The one of them that a machine raises in itself, to go to a state that has a `route`. */
export const ROUTE = "xstate.route";

/** @returns what keeps text from being the type of an event that a flow makes, or undefined */
function typeFault(type: string): TypeFault | undefined {
  if (type === "") return { code: "event-type", why: "an event has a name" };
  if (type.startsWith(OWN_TYPES))
    return { code: "reserved", why: `events named \`${OWN_TYPES}…\` are the machine's own` };
  if (type.includes("*"))
    return { code: "event-type", why: "`*` stands for types of events, and is in none" };
  return undefined;
}

/** @returns what keeps text from standing in `on`, or undefined */
export function descriptorFault(descriptor: string): string | undefined {
  if (descriptor === "") return "an event has a name; use `always`";
  if (descriptor === "*") return undefined;
  const prefix = descriptor.endsWith(".*") ? descriptor.slice(0, -2) : descriptor;
  if (prefix !== "" && !prefix.includes("*")) return undefined;
  return "no event can match it: `*` stands alone, or at the end behind a dot";
}

/**
 * Compiles the type of an event that a flow makes.
 *
 * @param allowed a type that may be made, although it is the machine's own
 * @throws ExpressionError at once or, where it is worked out, EffectError
 */
export function compileEventType(
  text: string,
  visible: Visible,
  allowed?: string,
): Template<string> {
  const type = compileName(text, visible);
  const faultOf = (name: string) => (name === allowed ? undefined : typeFault(name));
  if (type.constant !== undefined) {
    const fault = faultOf(type.constant);
    if (fault !== undefined) throw new ExpressionError(`\`${text}\`: ${fault.why}`, fault.code);
    return type;
  }
  const checked = (scope: Scope): string => {
    const name = type(scope);
    const fault = faultOf(name);
    if (fault !== undefined) throw new EffectError(`\`${text}\` gave \`${name}\`: ${fault.why}`);
    return name;
  };
  return Object.assign(checked, { uses: type.uses });
}

import { didYouMean, type Faults, type Path } from "../fault.ts";
import type { FlowFile } from "../schema.ts";

/** Checks that a flow says of each input and command whose it is: by roles, or by none. */
export function checkRoles(file: FlowFile, faults: Faults): void {
  const { roles, inputs = {}, commands = {} } = file;
  for (const [name, { role }] of Object.entries(inputs)) {
    checkRole("role", role, ["inputs", name], roles, faults);
  }
  for (const [name, { to, thing }] of Object.entries(commands)) {
    const at = ["commands", name];
    checkRole("to", to, at, roles, faults);
    if (roles !== undefined && thing !== undefined)
      faults.error("wrong-value", [...at, "thing"], "the command goes to the thing of its role");
  }
  if (roles === undefined || file.key === undefined) return;
  const message = "a flow with roles has no `key`: its instances are keyed by their deployments";
  faults.error("wrong-value", ["key"], message);
}

function checkRole(
  member: "role" | "to",
  role: string | undefined,
  path: Path,
  roles: FlowFile["roles"],
  faults: Faults,
): void {
  if (roles === undefined) {
    if (role === undefined) return;
    const message = `there is no role \`${role}\`: the flow declares no \`roles\``;
    return faults.error("unknown-role", [...path, member], message);
  }
  const known = Object.keys(roles);
  if (role === undefined) {
    const message = `\`${member}\` is missing: one of ${known.map((one) => `\`${one}\``).join(", ")}`;
    return faults.error("missing-member", path, message);
  }
  if (known.includes(role)) return;
  const message = `the flow has no role \`${role}\`${didYouMean(role, known)}`;
  faults.error("unknown-role", [...path, member], message);
}

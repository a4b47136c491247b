/**
 * A flow whose inputs each ask for a command: `lamp/l1/a` for one to `lamp/l1/ca`, and so on.
 *
 * @param payload of the commands, as in a flow
 */
export function lampFlow(
  inputs: string,
  { payload = "1", command = "", machine = "" } = {},
): string {
  const each = (line: (name: string) => string): string => Array.from(inputs, line).join("\n");
  return `
flow: lamp
inputs:
${each((a) => `  ${a}: { topic: lamp/+/${a}, thing: "\${topic[1]}" }`)}
commands:
${each((a) => `  c${a}: { topic: "lamp/\${thing.name}/c${a}"${command} }`)}
machine:
  on:
${each((a) => `    ${a}: { actions: { command: c${a}, payload: ${payload} } }`)}
${machine}
`;
}

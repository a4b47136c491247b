import type { Effect } from "@millrace/shared/contract/effect";

/** Effects in one line each, as examples write them. */

/** The forms in which an example may write an effect, the shortest first. */
export function formsOf(effect: Effect): string[] {
  const forms = plainForms(effect);
  return effect.verdict.allow ? forms : forms.map((form) => `denied ${form}`);
}

function plainForms(effect: Effect): string[] {
  const json = (value: unknown): string => JSON.stringify(value ?? null);
  switch (effect.kind) {
    case "command": {
      const { name, topic, payload } = effect;
      return [
        `command ${name} ${json(payload)}`,
        `command ${name} to ${topic} ${json(payload)}`,
        `command ${name} to ${topic} qos ${effect.qos} as ${effect.format} ${json(payload)}`,
      ];
    }
    case "call": {
      const { name, method, url, body } = effect;
      const line = `call ${name} ${method} ${url}`;
      return [body === undefined ? line : `${line} ${json(body)}`];
    }
    case "publish": {
      const { topic, key, type, payload } = effect;
      return [
        `publish ${topic} ${json(payload)}`,
        `publish ${topic} key ${key} type ${type} ${json(payload)}`,
      ];
    }
    case "send":
      return [`send ${effect.flow}/${effect.key} ${effect.type} ${json(effect.payload)}`];
    case "log":
      return [`log ${effect.level} ${effect.message}`];
  }
}

const kinds: ReadonlySet<string> = new Set<Effect["kind"] | "denied">([
  "command",
  "call",
  "publish",
  "send",
  "log",
  "denied",
]);

/** Whether a line is about an effect. */
export function isEffectLine(text: string): boolean {
  return kinds.has(text.split(" ", 1)[0] ?? "");
}

/** The line with its JSON, where it ends in some, written without spaces. */
export function withPlainJson(text: string): string {
  if (/^(denied )?log /.test(text)) return text;
  for (let at = text.indexOf(" "); at >= 0; at = text.indexOf(" ", at + 1)) {
    try {
      return `${text.slice(0, at)} ${JSON.stringify(JSON.parse(text.slice(at + 1)))}`;
    } catch {
      // not from here on
    }
  }
  return text;
}

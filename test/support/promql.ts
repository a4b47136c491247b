import { parser } from "@prometheus-io/lezer-promql";

/** What a query asks for: a metric, and the values that its labels are to have. */
interface Selector {
  readonly metric: string;
  readonly labels: readonly {
    readonly label: string;
    readonly op: string;
    readonly value: string;
  }[];
}

type Node = ReturnType<typeof parser.parse>["topNode"];

/**
 * Reads a query by Prometheus' own grammar.
 * @throws for one that Prometheus would not take
 */
export function selectorsOf(query: string): readonly Selector[] {
  const found: Selector[] = [];
  const textOf = (node: Node): string => query.slice(node.from, node.to);
  const visit = (node: Node): void => {
    if (node.type.isError) throw new Error(`no PromQL at ${node.from}: ${query}`);
    if (node.name === "VectorSelector") {
      const metric = node.getChild("Identifier");
      const matchers = node.getChild("LabelMatchers")?.getChildren("UnquotedLabelMatcher") ?? [];
      const labels = matchers.map((matcher) => ({
        label: part(matcher, "LabelName"),
        op: part(matcher, "MatchOp"),
        value: part(matcher, "StringLiteral").slice(1, -1),
      }));
      found.push({ metric: metric === null ? "" : textOf(metric), labels });
    }
    for (let child = node.firstChild; child !== null; child = child.nextSibling) visit(child);
  };
  const part = (node: Node, name: string): string => {
    const child = node.getChild(name);
    return child === null ? "" : textOf(child);
  };
  visit(parser.parse(query).topNode);
  return found;
}

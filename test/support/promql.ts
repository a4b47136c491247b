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

/** Of every series, whatever the process tells: Prometheus adds them. */
const added = ["instance", "job"];
/** Aggregations that pick series and leave their labels on. */
const picking: readonly string[] = ["Topk", "Bottomk"];

/**
 * The labels that the answer to a query has.
 * @param labelsOf a metric's own labels, as the processes tell them
 * @throws for a query that groups by a label which is not there, and for one of a shape that nobody has
 * asked in yet
 */
export function labelsOfAnswer(
  query: string,
  labelsOf: (metric: string) => Iterable<string>,
): ReadonlySet<string> {
  const textOf = (node: Node): string => query.slice(node.from, node.to);
  const ofChild = (node: Node, name: string): ReadonlySet<string> => {
    const child = node.getChild(name);
    if (child === null) throw new Error(`${node.name} without ${name}: ${query}`);
    return of(child);
  };
  const aggregated = (node: Node): ReadonlySet<string> => {
    const inner = ofChild(node, "FunctionCallBody");
    const modifier = node.getChild("AggregateModifier");
    const names = modifier?.getChild("GroupingLabels")?.getChildren("LabelName") ?? [];
    const grouping = names.map(textOf);
    const unknown = grouping.filter((label) => !inner.has(label));
    if (unknown.length > 0) throw new Error(`no series has ${unknown.join(", ")}: ${query}`);
    const operation = node.getChild("AggregateOp")?.firstChild?.name ?? "";
    if (modifier === null) return picking.includes(operation) ? inner : new Set();
    if (modifier.getChild("By") === null) throw new Error(`not "by": ${query}`);
    return new Set(grouping);
  };
  const called = (node: Node): ReadonlySet<string> => {
    const inner = ofChild(node, "FunctionCallBody");
    const name = node.getChild("FunctionIdentifier")?.firstChild?.name;
    if (name === "Scalar" || name === "Absent") return new Set();
    if (name !== "HistogramQuantile") return inner;
    if (!inner.has("le")) throw new Error(`quantile without le: ${query}`);
    return new Set([...inner].filter((label) => label !== "le"));
  };
  const of = (node: Node): ReadonlySet<string> => {
    const last = node.lastChild;
    if (node.name === "AggregateExpr") return aggregated(node);
    if (node.name === "FunctionCall") return called(node);
    if (node.name === "VectorSelector")
      return new Set([...labelsOf(textOf(node.getChild("Identifier") ?? node)), ...added]);
    if (node.name === "MatrixSelector") return ofChild(node, "VectorSelector");
    if (node.name === "NumberDurationLiteral") return new Set();
    const isPlain = node.getChild("MatchingModifierClause") === null;
    if (node.name === "BinaryExpr" && isPlain && node.firstChild !== null && last !== null) {
      const [left, right] = [of(node.firstChild), of(last)];
      return node.getChild("Or") === null
        ? left
        : new Set([...left].filter((label) => right.has(label)));
    }
    // Of several arguments the last one is the series.
    if (["PromQL", "FunctionCallBody", "ParenExpr"].includes(node.name) && last !== null)
      return of(last);
    throw new Error(`a query with ${node.name} is not read here: ${query}`);
  };
  return of(parser.parse(query).topNode);
}

/** Labels that a legend of Grafana names, as in `{{state}}`, and the answer to its query does not have. */
export function labelsMissing(
  [legend, query]: readonly [legend: string, query: string],
  labelsOf: (metric: string) => Iterable<string>,
): readonly string[] {
  const labels = labelsOfAnswer(query, labelsOf);
  const named = Array.from(legend.matchAll(/\{\{(.*?)\}\}/g), ([, label = ""]) => label);
  return named.filter((label) => !labels.has(label));
}

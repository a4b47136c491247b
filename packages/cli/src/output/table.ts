/** Columns of text for people: as wide as what is in them, numbers to the right. */
export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string | number | undefined;
}

export function writeTable<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const cells = rows.map((row) => columns.map(({ value }) => value(row)));
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...cells.map((row) => String(row[i] ?? "").length)),
  );
  const line = (row: readonly (string | number | undefined)[]): string =>
    row
      .map((cell, i) => {
        const text = String(cell ?? "");
        return typeof cell === "number"
          ? text.padStart(widths[i] ?? 0)
          : text.padEnd(widths[i] ?? 0);
      })
      .join("  ")
      .trimEnd();
  const head = columns.map(({ title }) => title.toUpperCase());
  return [line(head), ...cells.map(line)].join("\n");
}

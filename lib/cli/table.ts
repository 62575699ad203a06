// Table: rows of text in aligned columns, three spaces apart, as kubectl prints them.

/** Lines, the head first. Columns are as wide as their widest cell; nothing is cut. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map(row => (row[column] ?? '').length)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] as number)))
      .join('   ')
      .trimEnd()
  return all.map(line).join('\n')
}

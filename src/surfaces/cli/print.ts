import { createColors } from "picocolors";
import type { Block, ShownTable } from "../../desk/shown.js";

type Colors = ReturnType<typeof createColors>;

/** Where text goes. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** Colour only for a person's terminal, and never when they asked for none (https://no-color.org). */
export function colorsFor(output: Output, env: Readonly<Record<string, string | undefined>>): Colors {
  return createColors(output.isTTY === true && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb");
}

/** Control, bidi and line characters of hostile names as visible text: a terminal obeys none of them. */
export function inert(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

function tableText(table: ShownTable, colors: Colors): string {
  const title = table.title === undefined ? "" : `${colors.bold(table.title)}\n`;
  if (table.rows.length === 0) return `${title}${table.empty ?? "Nothing to show."}\n`;
  const rows = table.rows.map((row) => row.map(inert));
  const widths = table.columns.map((column, index) =>
    Math.max(column.title.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    table.columns
      .map((column, index) => {
        const cell = cells[index] ?? "";
        return column.align === "right" ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0);
      })
      .join("  ")
      .trimEnd();
  const head = colors.dim(line(table.columns.map((column) => column.title)));
  return `${title}${[head, ...rows.map(line)].join("\n")}\n`;
}

/** Blocks as text, a blank line between a table and its neighbours. */
export function blocksText(blocks: readonly Block[], colors: Colors): string {
  let text = "";
  for (const [index, block] of blocks.entries()) {
    const before = blocks[index - 1];
    if (index > 0 && (typeof block !== "string" || typeof before !== "string")) text += "\n";
    text += typeof block === "string" ? `${inert(block)}\n` : tableText(block, colors);
  }
  return text;
}

/** A column of a table: its title and to which side its cells lean. */
export interface Column {
  readonly title: string;
  readonly align?: "right";
}

/** A table for a person; cells are plain text, hostile names included (whoever prints them makes them inert). */
export interface ShownTable {
  readonly title?: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
  /** Said instead of an empty table. */
  readonly empty?: string;
}

/** A line of text or a table. */
export type Block = string | ShownTable;

/** Column whose cells lean left. */
export function left(title: string): Column {
  return { title };
}

/** Column of numbers. */
export function right(title: string): Column {
  return { title, align: "right" };
}

/** A span of time for a person: `45 s`, `12 min`, `3.5 h`, `2 d`. */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 360) / 10} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

// What is wrong with a configuration, as data. Money path: fails closed; a configuration with a problem is not used.
import { BursarError } from "../accounting/errors.js";

/** Where something is said: line and column from 1; null where there is no file behind it (a flag, a variable). */
export interface Place {
  readonly file: string;
  readonly line: number | null;
  readonly column: number | null;
}

/** One thing that is wrong, for a person: where, what, and what to write instead. Never holds a secret. */
export interface ConfigProblem extends Place {
  /** `budgets[2].limit.usd`; empty for the file as a whole. */
  readonly path: string;
  /** What is written there, shortened; null when nothing is. Secrets show as `[redacted]`. */
  readonly value: string | null;
  /** What is wrong and what is accepted, in sentences. */
  readonly message: string;
  /** What to do, in one sentence. */
  readonly suggestion: string;
}

/** Steps from the root of the file: keys and list positions. */
export type Path = readonly (string | number)[];

/** A path as people read it: `agents["research-*"].loops`, `budgets[0].per[1]`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}

/** A path as a key of maps. */
export function pathKey(path: Path): string {
  return JSON.stringify(path);
}

/** Where a place is: `bursar.yaml:12:20`, `--port`. */
export function placeText(place: Place): string {
  return place.line === null ? place.file : `${place.file}:${place.line}:${place.column ?? 1}`;
}

/** One problem on one line. */
export function problemText(problem: ConfigProblem): string {
  const path = problem.path === "" ? "" : ` ${problem.path}:`;
  return `${placeText(problem)}${path} ${problem.message} ${problem.suggestion}`;
}

/** Problems in the order of the file: by file, line and column. */
export function sortProblems(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const at = (value: number | null): number => value ?? 0;
  return [...problems].sort(
    (a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) || at(a.line) - at(b.line) || at(a.column) - at(b.column),
  );
}

/** Thrown when a configuration cannot be used; `problems` has them all, in the order of the file. */
export class ConfigInvalid extends BursarError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const sorted = sortProblems(problems);
    const count = sorted.length === 1 ? "1 problem" : `${sorted.length} problems`;
    super("config_invalid", `The configuration has ${count}:\n${sorted.map((one) => `  ${problemText(one)}`).join("\n")}`, {
      problems: sorted.length,
    });
    this.problems = sorted;
  }
}

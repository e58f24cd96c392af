// Turns what the schema found into problems a person can act on.
import type { z } from "zod";
import { type LeafIssue, shown } from "./leaf.js";
import { type ConfigProblem, type Path, type Place, pathKey, pathText } from "./problem.js";
import { allKeys, keysOf, patternText, schemaAt } from "./schema-walk.js";
import { closest } from "./suggest.js";
import type { Plain, YamlTree } from "./yaml-tree.js";

type Issue = z.core.$ZodIssue;

/** A file as read, with the schema it is held against. */
export interface Checked {
  readonly file: string;
  readonly schema: z.core.$ZodType;
  readonly yaml: YamlTree;
  /** Values that a flag or a variable has put over the file's, by `pathKey`. */
  readonly laid: ReadonlyMap<string, Place>;
}

/** The value at a path, undefined where there is none. */
export function valueAt(tree: Plain, path: Path): Plain | undefined {
  let here: Plain | undefined = tree;
  for (const step of path) {
    if (here === null || typeof here !== "object") return undefined;
    here = Array.isArray(here) ? here[Number(step)] : (here as Readonly<Record<string, Plain>>)[String(step)];
  }
  return here;
}

/** Where a path stands: its value or its key; where it is missing, what it is missing from. */
export function placeOf(checked: Checked, path: Path, part: "key" | "value" = "value"): Place {
  for (let length = path.length; length > 0; length--) {
    const key = pathKey(path.slice(0, length));
    const laid = checked.laid.get(key);
    if (laid !== undefined) return laid;
    const spot = checked.yaml.spots.get(key);
    if (spot !== undefined) return part === "key" && spot.key !== null ? spot.key : spot.value;
  }
  return { file: checked.file, line: 1, column: 1 };
}

const SECRET_KEYS = new Set(["token", "api_key", "admin_token"]);

/** A problem at a path of the file, with the value as it may be shown. */
export function problemAt(
  checked: Checked,
  at: { path: Path; part?: "key" | "value"; message: string; suggestion: string },
): ConfigProblem {
  const { path } = at;
  const value = valueAt(checked.yaml.tree, path);
  const source = checked.yaml.interpolated.get(pathKey(path));
  const secret = SECRET_KEYS.has(String(path.at(-1)));
  const seen = secret ? "[redacted]" : (source ?? shown(value));
  const base = { ...placeOf(checked, path, at.part), path: pathText(path), value: value === undefined ? null : seen };
  // What a variable holds may be a secret wherever it is used: then nothing that quotes it is said.
  const quoted = typeof value === "string" ? JSON.stringify(value).slice(1, -1).slice(0, 8) : "";
  if (source !== undefined && quoted !== "" && `${at.message}${at.suggestion}`.includes(quoted)) {
    const message = `What ${JSON.stringify(source)} stands for is not accepted here.`;
    return { ...base, message, suggestion: exampleAt(checked, path) };
  }
  return { ...base, message: at.message, suggestion: at.suggestion };
}

/** Where a key that is unknown here is known. */
function elsewhere(checked: Checked, key: string): string | null {
  const places = allKeys(checked.schema).filter((path) => path.at(-1) === key);
  return places.length === 1 && places[0] !== undefined ? patternText(places[0]) : null;
}

function unknownKey(checked: Checked, within: Path, key: string): ConfigProblem {
  const known = keysOf(schemaAt(checked.schema, within));
  const near = closest(key, known);
  const other = elsewhere(checked, key);
  const here = `Known here: ${known.join(", ")}.`;
  const suggestion = near !== null ? `Did you mean ${near}?` : other !== null ? `Did you mean ${other}? ${here}` : here;
  return problemAt(checked, { path: [...within, key], part: "key", message: `There is no key ${shown(key)} here.`, suggestion });
}

function exampleAt(checked: Checked, path: Path): string {
  const schema = schemaAt(checked.schema, path) as z.ZodType | null;
  const [example] = (schema?.meta()?.examples ?? []) as readonly string[];
  if (example !== undefined) return `Write it such as ${example}.`;
  const keys = keysOf(schema);
  return keys.length > 0 ? `It has the keys ${keys.join(", ")}.` : "See docs/reference/config.md.";
}

function leafProblem(checked: Checked, path: Path, found: LeafIssue): ConfigProblem {
  const last = String(path.at(-1) ?? "");
  if (found.kind === "missing") {
    const suggestion = `Add ${last}: ${found.example}`;
    return problemAt(checked, { path, message: `${last} is missing.`, suggestion });
  }
  if (found.kind === "not-built") {
    const suggestion = `Remove ${pathText(path)} or set it to off.`;
    return problemAt(checked, { path, part: "key", message: `not built yet: ${found.feature}.`, suggestion });
  }
  return problemAt(checked, { path, message: found.wrong, suggestion: found.suggestion });
}

/** Of a union, the branch that was meant: the mapping when a mapping is written, else the first. */
function branchOf(issue: Issue & { readonly code: "invalid_union" }, value: Plain | undefined): readonly Issue[] {
  const isMapping = value !== null && typeof value === "object" && !Array.isArray(value);
  return (isMapping ? issue.errors.at(-1) : issue.errors[0]) ?? [];
}

/** Problems of one issue of the schema, found below `base`. */
export function issueProblems(checked: Checked, issue: Issue, base: Path = []): readonly ConfigProblem[] {
  const path = [...base, ...(issue.path as (string | number)[])];
  const value = valueAt(checked.yaml.tree, path);
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(checked, path, key));
  if (issue.code === "invalid_union") {
    if (value === undefined) return [leafProblem(checked, path, { kind: "missing", example: "{ usd: 5000 } or unlimited" })];
    return branchOf(issue, value).flatMap((inner) => issueProblems(checked, inner, path));
  }
  const found = issue.code === "custom" ? (issue.params?.leaf as LeafIssue | undefined) : undefined;
  if (found !== undefined) return [leafProblem(checked, path, found)];
  const wanted = issue.code === "invalid_type" && issue.expected === "array" ? "a list" : "a mapping of keys";
  const what = value === null || value === undefined ? "Nothing is written here" : `${shown(value)} is written here`;
  const message = `${what}; this takes ${wanted}.`;
  return [problemAt(checked, { path, message, suggestion: exampleAt(checked, path) })];
}

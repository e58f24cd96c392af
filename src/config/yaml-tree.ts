// A YAML text as plain values with their places. Money path: fails closed; numbers stay the text they were written as, so
// no amount is ever a float, and whatever YAML offers beyond plain values (tags, merge keys, other versions) is refused.
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
  type YAMLMap,
} from "yaml";
import { type Env, fill, type Masked, maskReferences, unmask, usesMaskCharacters } from "./interpolate.js";
import { type ConfigProblem, type Path, type Place, pathKey, pathText } from "./problem.js";

/** A value of the file. Numbers are their source text (`1.50`); mappings have no prototype. */
export type Plain = string | boolean | null | readonly Plain[] | PlainMap;

/** A mapping of the file. */
export interface PlainMap {
  readonly [key: string]: Plain;
}

/** Where a value and its key stand. */
export interface Spot {
  readonly key: Place | null;
  readonly value: Place;
}

/** A variable that is referred to and not set. */
export interface MissingVariable {
  readonly path: Path;
  readonly name: string;
  readonly place: Place;
}

/** What was read. `tree` is null when the text is not YAML; then `problems` says where. */
export interface YamlTree {
  readonly tree: Plain;
  readonly readable: boolean;
  /** By `pathKey`. */
  readonly spots: ReadonlyMap<string, Spot>;
  /** Values that came from variables, by `pathKey`, as they stand in the file. */
  readonly interpolated: ReadonlyMap<string, string>;
  readonly missing: readonly MissingVariable[];
  readonly problems: readonly ConfigProblem[];
}

/** Largest file, in bytes. */
export const FILE_BYTES_MAX = 1024 * 1024;
const REFERENCE_FORMS = `Write \${NAME} or \${NAME:-default}.`;
const DEPTH_MAX = 32;
/** Values in all, those that aliases repeat included: a "billion laughs" file ends here. */
const VALUES_MAX = 100_000;
const HOSTILE_KEYS = new Set(["__proto__", "constructor", "prototype"]);

type Item = Node | Alias | null | undefined;

interface Reading {
  readonly file: string;
  readonly env: Env;
  readonly masked: Masked;
  readonly lines: LineCounter;
  readonly spots: Map<string, Spot>;
  readonly interpolated: Map<string, string>;
  readonly missing: MissingVariable[];
  readonly problems: ConfigProblem[];
  readonly anchors: Map<string, Node>;
  values: number;
  /** Set once the file is too large or too deep; nothing more is read then. */
  exhausted: boolean;
}

function placeAt(reading: Reading, offset: number): Place {
  const { line, col } = reading.lines.linePos(offset);
  return { file: reading.file, line: Math.max(1, line), column: Math.max(1, col) };
}

function complain(
  reading: Reading,
  at: Place,
  problem: { path: Path; value?: string; message: string; suggestion: string },
): void {
  const { path, value = null, message, suggestion } = problem;
  reading.problems.push({ ...at, path: pathText(path), value, message, suggestion });
}

function offsetOf(item: Item, otherwise: number): number {
  return item?.range?.[0] ?? otherwise;
}

function readScalar(reading: Reading, scalar: Scalar, path: Path, at: Place): Plain {
  const { value } = scalar;
  if (typeof value === "number" || typeof value === "bigint") return scalar.source ?? String(value);
  if (value === null || typeof value === "boolean") return value;
  const masked = String(value);
  const filled = fill(reading.masked, masked, reading.env);
  if (filled.text !== masked || filled.missing.length > 0) {
    reading.interpolated.set(pathKey(path), unmask(reading.masked, masked));
  }
  for (const name of filled.missing) reading.missing.push({ path, name, place: at });
  for (const reference of filled.malformed) {
    const message = `${JSON.stringify(reference.slice(0, 60))} is not a reference to an environment variable.`;
    complain(reading, at, { path, value: reference, message, suggestion: REFERENCE_FORMS });
  }
  return filled.text;
}

function keyText(reading: Reading, pair: Pair, path: Path, at: Place): string | null {
  const { key } = pair;
  if (!isScalar(key) || key.value === null || key.tag !== undefined || key.anchor !== undefined) {
    complain(reading, at, { path, message: "A key must be plain text.", suggestion: "Write it as `name: value`." });
    return null;
  }
  const text = typeof key.value === "string" ? unmask(reading.masked, key.value) : (key.source ?? String(key.value));
  if (text === "<<" && key.type === Scalar.PLAIN) {
    const message = "Merge keys (<<) are not accepted.";
    complain(reading, at, { path, value: "<<", message, suggestion: "Write the keys out where they are needed." });
    return null;
  }
  if (HOSTILE_KEYS.has(text)) {
    const message = `The key ${JSON.stringify(text)} is not accepted.`;
    complain(reading, at, { path, value: text, message, suggestion: "Remove it or choose another name." });
    return null;
  }
  return text;
}

function readMap(reading: Reading, map: YAMLMap, path: Path): PlainMap {
  const read: Record<string, Plain> = Object.create(null) as Record<string, Plain>;
  const first = new Map<string, Place>();
  for (const pair of map.items) {
    const keyOffset = offsetOf(pair.key as Item, offsetOf(map, 0));
    const at = placeAt(reading, keyOffset);
    const key = keyText(reading, pair as Pair, path, at);
    if (key === null) continue;
    const earlier = first.get(key);
    if (earlier !== undefined) {
      const message = `The key ${JSON.stringify(key.slice(0, 60))} is written twice; first in line ${earlier.line}.`;
      complain(reading, at, { path: [...path, key], value: key, message, suggestion: "Keep one of the two." });
      continue;
    }
    first.set(key, at);
    const within = [...path, key];
    read[key] = readNode(reading, pair.value as Item, within, keyOffset);
    const value = isEmpty(pair.value as Item) ? at : placeAt(reading, offsetOf(pair.value as Item, keyOffset));
    reading.spots.set(pathKey(within), { key: at, value });
  }
  return read;
}

/** Nothing is written after the key: there the key is the better place to point at. */
function isEmpty(item: Item): boolean {
  return item === null || item === undefined || (isScalar(item) && item.value === null && (item.source ?? "") === "");
}

function readNode(reading: Reading, item: Item, path: Path, near: number): Plain {
  if (reading.exhausted || item === null || item === undefined) return null;
  const offset = offsetOf(item, near);
  const at = placeAt(reading, offset);
  reading.values += 1;
  if (path.length > DEPTH_MAX || reading.values > VALUES_MAX) {
    reading.exhausted = true;
    const what = path.length > DEPTH_MAX ? `nests deeper than ${DEPTH_MAX} levels` : `has more than ${VALUES_MAX} values`;
    const message = `The file ${what} once its aliases are followed.`;
    complain(reading, at, { path: [], message, suggestion: "Write it without aliases (*name)." });
    return null;
  }
  if (isAlias(item)) {
    const target = reading.anchors.get(item.source);
    if (target !== undefined) return readNode(reading, target, path, offset);
    const message = `The alias *${item.source} has no anchor before it.`;
    complain(reading, at, { path, message, suggestion: `Mark the value it means with &${item.source}, earlier in the file.` });
    return null;
  }
  if (item.tag !== undefined) {
    const message = `The tag ${item.tag} is not accepted; values are plain text, numbers, lists and mappings.`;
    complain(reading, at, { path, value: item.tag, message, suggestion: "Write the value without a tag." });
    return null;
  }
  if ((isScalar(item) || isMap(item) || isSeq(item)) && item.anchor !== undefined) reading.anchors.set(item.anchor, item);
  if (isScalar(item)) return readScalar(reading, item, path, at);
  if (isMap(item)) return readMap(reading, item, path);
  if (!isSeq(item)) return null;
  return item.items.map((entry, index) => {
    const within = [...path, index];
    const read = readNode(reading, entry as Item, within, offset);
    reading.spots.set(pathKey(within), { key: null, value: placeAt(reading, offsetOf(entry as Item, offset)) });
    return read;
  });
}

function result(reading: Reading, tree: Plain, readable: boolean): YamlTree {
  const { spots, interpolated, missing, problems } = reading;
  return { tree, readable, spots, interpolated, missing, problems };
}

/** Reads a YAML 1.2 text (core schema). Problems are data; nothing is thrown. */
export function readYaml(source: string, options: { readonly file: string; readonly env: Env }): YamlTree {
  const masked = maskReferences(source);
  const lines = new LineCounter();
  const reading: Reading = {
    ...options,
    masked,
    lines,
    spots: new Map(),
    interpolated: new Map(),
    missing: [],
    problems: [],
    anchors: new Map(),
    values: 0,
    exhausted: false,
  };
  const start: Place = { file: options.file, line: 1, column: 1 };
  const size = Buffer.byteLength(source);
  if (size > FILE_BYTES_MAX || usesMaskCharacters(source)) {
    const large = size > FILE_BYTES_MAX;
    const message = large
      ? `The file has ${size} bytes; at most ${FILE_BYTES_MAX} are read.`
      : "The file has private-use characters.";
    complain(reading, start, {
      path: [],
      message,
      suggestion: large ? "Make it smaller." : "Remove what is in U+E000 to U+F8FF.",
    });
    return result(reading, null, false);
  }
  const document = parseDocument(masked.text, {
    version: "1.2",
    schema: "core",
    merge: false,
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter: lines,
  });
  // Beyond the first few, errors of syntax are echoes of the first.
  for (const error of document.errors.slice(0, 3)) {
    const suggestion = SYNTAX_ADVICE[error.code] ?? "Check the indentation, brackets and quotes around here.";
    complain(reading, placeAt(reading, error.pos[0]), {
      path: [],
      message: `This is not YAML: ${sentence(error.message)}`,
      suggestion,
    });
  }
  const { version } = document.directives.yaml;
  if (version !== "1.2") {
    const message = `The file asks for YAML ${version}; it is read as YAML 1.2, where yes, no and 0o17 mean other things.`;
    complain(reading, start, { path: [], value: version, message, suggestion: "Remove the %YAML line." });
  }
  if (reading.problems.length > 0) return result(reading, null, false);
  const tree = readNode(reading, document.contents, [], 0);
  return result(reading, tree, !reading.exhausted);
}

const SYNTAX_ADVICE: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "Indent with spaces.",
  MULTIPLE_DOCS: "Keep one document: remove the `---` line and what does not belong.",
  MISSING_CHAR: "Close what was opened: a quote, a bracket or a brace.",
  RESOURCE_EXHAUSTION: "Nest less deeply.",
};

function sentence(text: string): string {
  const line = text.split("\n")[0] ?? "";
  return line.endsWith(".") ? line : `${line}.`;
}

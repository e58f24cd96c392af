// One text of `bursar.yaml` into a configuration, or into everything that is wrong with it. Money path: fails closed.
import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Config, configOf, type Origin } from "./config.js";
import { crossProblems } from "./cross-checks.js";
import type { Env } from "./interpolate.js";
import { type Checked, issueProblems, problemAt, valueAt } from "./issue-text.js";
import { isLoopback } from "./loopback.js";
import { readPrices } from "./prices.js";
import { type ConfigProblem, type Path, type Place, pathKey, pathText } from "./problem.js";
import { configSchema } from "./schema.js";
import { schemaAt } from "./schema-walk.js";
import { FILE_BYTES_MAX, type MissingVariable, type Plain, type PlainMap, readYaml, type YamlTree } from "./yaml-tree.js";

/** A value of a flag or of the environment, put over the file's. */
export interface Laid {
  readonly path: Path;
  readonly value: string;
  readonly from: "flag" | "env";
  /** As a person knows it: `--port`, `BURSAR_PORT`. */
  readonly name: string;
}

/** What a text is read with. */
export interface ReadOptions {
  /** Name of the file in messages. */
  readonly file: string;
  /** Absolute path; null when there is no file. */
  readonly path: string | null;
  readonly data: string;
  readonly env: Env;
  /** Least important first. */
  readonly laid: readonly Laid[];
}

/** The configuration, or every problem in the order of the file. */
export type ConfigRead = { readonly config: Config } | { readonly problems: readonly ConfigProblem[] };

const OPTIONAL_SECTIONS = ["savings", "alerts", "tiers"];

function isMap(value: Plain | undefined): value is PlainMap {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** The tree with optional sections that are off left out, and flags and variables laid over it. */
function laidOver(tree: Plain, laid: readonly Laid[]): Plain {
  if (!isMap(tree)) return tree;
  const off = (key: string): boolean => OPTIONAL_SECTIONS.includes(key) && [null, false, "off"].includes(tree[key] as null);
  const over: Record<string, Plain> = Object.create(null) as Record<string, Plain>;
  for (const [key, value] of Object.entries(tree)) if (!off(key)) over[key] = value;
  for (const { path, value } of laid) {
    const [section = "", key = ""] = path as readonly string[];
    const within = over[section] ?? {};
    if (isMap(within)) over[section] = Object.assign(Object.create(null) as object, within, { [key]: value });
  }
  return over;
}

function missingProblem(checked: Checked, missing: MissingVariable): ConfigProblem | null {
  const { path, name } = missing;
  const [section, provider, key] = path;
  if (section === "providers" && key === "api_key") {
    const message = `Provider "${provider}" has no API key: the environment variable ${name} is not set.`;
    return problemAt(checked, { path, message, suggestion: `Set ${name}, or remove the provider, or make it kind: simulated.` });
  }
  const message = `The environment variable ${name} is not set.`;
  return problemAt(checked, { path, message, suggestion: `Set it, or write \${${name}:-default}.` });
}

const WORD_TOKENS = new Set([
  "admin",
  "administrator",
  "bursar",
  "changeme",
  "change-me",
  "default",
  "password",
  "secret",
  "token",
]);
const ADMIN_TOKEN_LENGTH_MIN = 8;

/** Beyond this machine nobody may reach the control plane without a credential that cannot be guessed. */
function exposureProblems(checked: Checked): ConfigProblem[] {
  const server = valueAt(checked.yaml.tree, ["server"]);
  const host = isMap(server) ? server.host : undefined;
  if (typeof host !== "string" || isLoopback(host)) return [];
  const token = isMap(server) ? server.admin_token : undefined;
  const path = ["server", "admin_token"];
  const suggestion = "Set BURSAR_ADMIN_TOKEN (for one: openssl rand -hex 32), or listen on 127.0.0.1.";
  if (token === undefined || token === null || token === "") {
    const message = `${host} can be reached from other machines, and there is no admin token: anybody could raise budgets.`;
    return [problemAt(checked, { path: ["server", "host"], message, suggestion })];
  }
  const weak = typeof token === "string" && (token.length < ADMIN_TOKEN_LENGTH_MIN || WORD_TOKENS.has(token.toLowerCase()));
  if (!weak) return [];
  const message = `The admin token is easy to guess, and ${host} can be reached from other machines.`;
  return [problemAt(checked, { path, message, suggestion })];
}

/** The text of a file next to the configuration, or why it cannot be read. */
export function readText(path: string): { readonly text: string } | { readonly fault: string } {
  try {
    const { size } = statSync(path);
    if (size > FILE_BYTES_MAX) return { fault: `${path} has ${size} bytes; at most ${FILE_BYTES_MAX} are read.` };
    return { text: readFileSync(path, "utf8") };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    return { fault: code === "ENOENT" ? `There is no file ${path}.` : `${path} cannot be read (${code}).` };
  }
}

function pricesOf(checked: Checked, options: ReadOptions): { prices: Config["prices"]; problems: readonly ConfigProblem[] } {
  const named = valueAt(checked.yaml.tree, ["prices"]);
  if (typeof named !== "string" || named === "") return { prices: null, problems: [] };
  const path = resolve(options.path === null ? "." : dirname(options.path), named);
  const read = readText(path);
  if ("fault" in read) {
    const suggestion = "Create it, correct the path, or remove prices.";
    return { prices: null, problems: [problemAt(checked, { path: ["prices"], message: read.fault, suggestion })] };
  }
  const { overrides, problems } = readPrices(read.text, { file: named, env: options.env });
  return { prices: { path, overrides }, problems };
}

function originsOf(yaml: YamlTree, options: ReadOptions): ReadonlyMap<string, Origin> {
  const origins = new Map<string, Origin>();
  if (options.path !== null) {
    for (const [key, spot] of yaml.spots) {
      const path = JSON.parse(key) as Path;
      const value = valueAt(yaml.tree, path);
      if (value === null || typeof value !== "object") origins.set(pathText(path), { from: "file", place: spot.value });
    }
  }
  for (const { path, from, name } of options.laid) origins.set(pathText(path), { from, name });
  return origins;
}

/** Reads a configuration text. Reads the prices file it names; throws nothing that the text can cause. */
export function readConfig(source: string, options: ReadOptions): ConfigRead {
  const read = readYaml(source, options);
  if (!read.readable) return { problems: read.problems };
  const laid = new Map<string, Place>(
    options.laid.map(({ path, name }) => [pathKey(path), { file: name, line: null, column: null }]),
  );
  const schema = configSchema();
  // What is laid over a value also takes the place of a variable that the file would have needed.
  const yaml = {
    ...read,
    tree: laidOver(read.tree, options.laid),
    // Below what is unknown or not built nothing reads a variable; that alone is then told.
    missing: read.missing.filter(({ path }) => !laid.has(pathKey(path)) && schemaAt(schema, path) !== null),
    interpolated: new Map([...read.interpolated].filter(([key]) => !laid.has(key))),
  };
  const checked: Checked = { file: options.file, schema, yaml, laid };
  // A value that could not even be read is told once.
  const told = new Set([...yaml.missing.map(({ path }) => pathText(path)), ...yaml.problems.map(({ path }) => path)]);
  const parsed = schema.safeParse(yaml.tree);
  const issues = parsed.success ? [] : parsed.error.issues.flatMap((issue) => issueProblems(checked, issue));
  const priced = pricesOf(checked, options);
  const problems = [
    ...yaml.problems,
    ...yaml.missing.map((missing) => missingProblem(checked, missing)).filter((problem) => problem !== null),
    ...issues.filter((problem) => !told.has(problem.path) || problem.path === ""),
    ...(isMap(yaml.tree) ? [...crossProblems(checked), ...exposureProblems(checked)] : []),
    ...priced.problems,
  ];
  if (problems.length > 0 || !parsed.success) return { problems };
  const { path, data } = options;
  return { config: configOf(parsed.data, { path, data, prices: priced.prices, origin: originsOf(yaml, options) }) };
}

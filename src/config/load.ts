// Finds the configuration: flags before environment before file before default. Money path: fails closed; a Bursar whose
// configuration has a problem does not start.
import { basename, resolve } from "node:path";
import { BursarError } from "../accounting/errors.js";
import type { Config } from "./config.js";
import type { Env } from "./interpolate.js";
import { isLoopback } from "./loopback.js";
import { noConfig } from "./no-config.js";
import { ConfigInvalid, sortProblems } from "./problem.js";
import { type ConfigRead, type Laid, readConfig, readText } from "./read-config.js";

/** What the command line says. */
export interface ConfigFlags {
  readonly host?: string;
  readonly port?: string | number;
  readonly config?: string;
  readonly data?: string;
}

/** What a configuration is loaded from. */
export interface LoadOptions {
  readonly flags?: ConfigFlags;
  readonly env: Env;
  /** Directory that relative paths and the default file are looked up in. */
  readonly cwd: string;
}

/** The file that is read when none is named. */
export const CONFIG_FILE = "bursar.yaml";
/** The data directory when none is named. */
export const DATA_DIRECTORY = ".bursar";

/** Flags and variables that a value can come from, least important first. An empty variable is not set. */
function laidOf({ flags = {}, env }: LoadOptions): Laid[] {
  const laid: Laid[] = [];
  const add = (key: string, from: Laid["from"], name: string, value: string | number | undefined): void => {
    if (value !== undefined && (from === "flag" || value !== ""))
      laid.push({ path: ["server", key], from, name, value: String(value) });
  };
  add("host", "env", "BURSAR_HOST", env.BURSAR_HOST);
  add("port", "env", "BURSAR_PORT", env.BURSAR_PORT);
  add("admin_token", "env", "BURSAR_ADMIN_TOKEN", env.BURSAR_ADMIN_TOKEN);
  add("host", "flag", "--host", flags.host);
  add("port", "flag", "--port", flags.port);
  return laid;
}

function firstOf(...values: readonly (string | undefined)[]): string | undefined {
  return values.find((value) => value !== undefined && value !== "");
}

function refuseUnbuilt(env: Env): void {
  if (firstOf(env.BURSAR_DATABASE_URL) === undefined) return;
  const message = "not built yet: PostgreSQL. Unset BURSAR_DATABASE_URL; the ledger is kept in the data directory (BURSAR_DATA).";
  throw new BursarError("config_invalid", message);
}

/** Absolute path of the file that `loadConfig` reads, and whether somebody named it. */
export function configPath({ flags = {}, env, cwd }: LoadOptions): { readonly path: string; readonly named: string | null } {
  const named = firstOf(flags.config, env.BURSAR_CONFIG);
  return { path: resolve(cwd, named ?? CONFIG_FILE), named: named ?? null };
}

/**
 * Reads the configuration once more, as data: what `watchConfig` asks on every change. `text` is that of the file at
 * `path`. Reads the prices file.
 */
export function readAgain(text: string, path: string, options: LoadOptions): ConfigRead {
  const data = resolve(options.cwd, firstOf(options.flags?.data, options.env.BURSAR_DATA) ?? DATA_DIRECTORY);
  const read = readConfig(text, { file: basename(path), path, data, env: options.env, laid: laidOf(options) });
  return "problems" in read ? { problems: sortProblems(read.problems) } : read;
}

/**
 * The configuration to start with. Throws `config_invalid` (ConfigInvalid with all problems where a file is wrong): also
 * for a named file that is not there, and for an address beyond loopback without an admin token or without a file.
 */
export function loadConfig(options: LoadOptions): Config {
  refuseUnbuilt(options.env);
  const { path, named } = configPath(options);
  const read = readText(path);
  if ("text" in read) {
    const result = readAgain(read.text, path, options);
    if ("problems" in result) throw new ConfigInvalid(result.problems);
    return result.config;
  }
  if (named !== null || !read.fault.startsWith("There is no file")) {
    const suggestion = named === null ? "" : " Correct --config or BURSAR_CONFIG, or start without it.";
    throw new BursarError("config_invalid", `${read.fault}${suggestion}`);
  }
  const laid = laidOf(options);
  const host = laid.filter(({ path: to }) => to[1] === "host").at(-1)?.value ?? "127.0.0.1";
  const data = resolve(options.cwd, firstOf(options.flags?.data, options.env.BURSAR_DATA) ?? DATA_DIRECTORY);
  return noConfig({ env: options.env, loopback: isLoopback(host), data, laid });
}

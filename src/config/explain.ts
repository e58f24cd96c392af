// Says where each value of a configuration came from. Watching path: fails open; secrets stay hidden.
import type { Config, Origin } from "./config.js";
import { pathText, placeText } from "./problem.js";

/** One value and where it came from. */
export interface ExplainedValue {
  readonly path: string;
  /** As JSON; secrets as "[redacted]", amounts as decimal text. */
  readonly value: string;
  readonly origin: Origin;
}

/** The origin of a value; a value made of several keys has that of the first. */
export function originOf(config: Config, path: string): Origin {
  const exact = config.origin.get(path);
  if (exact !== undefined) return exact;
  for (const [key, origin] of config.origin) {
    if (key.startsWith(path) && (key[path.length] === "." || key[path.length] === "[")) return origin;
  }
  return { from: "default" };
}

/** An origin in words: `--port`, `bursar.yaml:12:20`, `default`. */
export function originText(origin: Origin): string {
  if (origin.from === "default") return "default";
  return origin.from === "file" ? placeText(origin.place) : origin.name;
}

function flatten(value: unknown, path: readonly (string | number)[]): readonly (readonly [string, string])[] {
  const isPlain = typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  const children: readonly (readonly [string | number, unknown])[] = Array.isArray(value)
    ? value.map((child, index) => [index, child] as const)
    : Object.entries(isPlain ? (value as object) : {});
  if (children.length > 0) return children.flatMap(([step, child]) => flatten(child, [...path, step]));
  const text = JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? String(part) : part));
  return [[pathText(path), text ?? "null"]];
}

/** Every value of the sections that a file, a variable or a flag can set, with its origin. */
export function explainConfig(config: Config): readonly ExplainedValue[] {
  const { timezone, week_start, server, budgets, content, savings, tiers, path, data } = config;
  return flatten({ path, data, timezone, week_start, server, budgets, content, savings, tiers }, []).map(([at, value]) => ({
    path: at,
    value,
    origin: originOf(config, at),
  }));
}

// Building blocks of the schema: each reads one value of the file (numbers as their source text) and says what it accepts.
// Money path: fails closed; a value that is not exactly of an accepted form is refused.
import { z } from "zod";
import type { Window } from "../accounting/budget/budget.js";
import { BursarError } from "../accounting/errors.js";
import { parseCount } from "../accounting/units/amount.js";
import { parseUsd } from "../accounting/units/money.js";
import { isTimeZone, parseWindow } from "../accounting/units/window.js";
import { bytesOf, millisecondsOf } from "./quantity.js";
import { Secret } from "./secret.js";
import { closest } from "./suggest.js";

/** What a leaf found: the value, or what is wrong (a sentence) and what to write instead (a sentence). */
export type Read<T> =
  | { readonly value: T }
  | { readonly wrong: string; readonly suggestion: string }
  /** Known by this name and not built yet. */
  | { readonly feature: string };

/** What a key means, for the reference page, the JSON Schema and messages. */
export interface Said {
  readonly about: string;
  /** As it is written in the file. */
  readonly example: string;
}

/** Parameters of a leaf's issue, read by `explain-issue.ts`. */
export type LeafIssue =
  | { readonly kind: "missing"; readonly example: string }
  | { readonly kind: "wrong"; readonly wrong: string; readonly suggestion: string }
  | { readonly kind: "not-built"; readonly feature: string };

type JsonForm = { readonly type?: string | readonly string[]; readonly enum?: readonly unknown[]; readonly pattern?: string };

function issue(params: LeafIssue, input: unknown) {
  return { code: "custom" as const, message: params.kind, input, params: { leaf: params } };
}

function leafIssue(found: Exclude<Read<never>, { readonly value: never }> | null, said: Said): LeafIssue {
  if (found === null) return { kind: "missing", example: said.example };
  return "feature" in found ? { kind: "not-built", feature: found.feature } : { kind: "wrong", ...found };
}

/** A value that `read` accepts. */
export function leaf<T>(said: Said, json: JsonForm, read: (value: unknown) => Read<T>) {
  return z
    .unknown()
    .transform((value, ctx): T => {
      const found = value === undefined ? null : read(value);
      if (found !== null && "value" in found) return found.value;
      ctx.issues.push(issue(leafIssue(found, said), value));
      return z.NEVER;
    })
    .meta({ description: said.about, examples: [said.example], ...json });
}

/** A leaf that may be left out; then it is what `text` says. */
export function withDefault<S extends z.ZodType<unknown, unknown>>(schema: S, text: string): z.ZodPrefault<S> {
  return z
    .prefault(schema, text as z.input<S>)
    .meta({ ...schema.meta(), default: /^\d+(\.\d+)?$/.test(text) ? Number(text) : text });
}

/** A reference to an environment variable, as the file writes it. */
export function reference(name: string): string {
  return `\${${name}}`;
}

/** A value as messages show it: like JSON, at most 60 characters. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** Text, read further by `read`; anything else is told to be quoted. */
function text<T>(said: Said, json: JsonForm, read: (text: string) => Read<T>) {
  return leaf(said, json, (value): Read<T> => {
    if (typeof value === "string") return read(value);
    const quoted = typeof value === "boolean" ? ` Is it meant as text, put it in quotes: "${value}".` : "";
    return { wrong: `${shown(value)} is not what is accepted here.`, suggestion: `Write it such as ${said.example}.${quoted}` };
  });
}

function parsed<T>(read: () => T, suggestion: string): Read<T> {
  try {
    return { value: read() };
  } catch (error) {
    if (error instanceof BursarError) return { wrong: error.message, suggestion };
    throw error;
  }
}

/** Letters that YAML, people and shells often add to an amount. */
function tidied(value: string, accepts: (text: string) => unknown): string | null {
  const bare = value.trim().replace(/^\$/, "").replace(/^\+/, "");
  const expanded = /^\d{1,3}(\.\d{1,3})?e\d$/i.test(bare) ? String(Number(bare)) : bare.replace(/[,_ ']/g, "");
  try {
    accepts(expanded);
    return expanded;
  } catch (error) {
    if (error instanceof BursarError) return null;
    throw error;
  }
}

/** A limit: an amount, or `unlimited` (null), which only counts. */
function limit(said: Said, parse: (text: string) => bigint) {
  const json = { type: ["number", "string"] };
  return text(said, json, (value): Read<bigint | null> => {
    if (value === "unlimited") return { value: null };
    const tidy = value.startsWith("-") ? null : tidied(value, parse);
    const suggestion = tidy === null ? `Write it such as ${said.example}; 0 refuses every call.` : `Did you mean ${tidy}?`;
    return parsed(() => parse(value), suggestion);
  });
}

/** US dollars as plain decimal text, never a float; nano-dollars. */
export function usdLimit(said: Said) {
  return limit(said, parseUsd);
}

/** Tokens or requests: `2M`, `200k`, `1_000`. */
export function countLimit(said: Said) {
  return limit(said, parseCount);
}

/** A whole number from `min` to `max`. */
export function whole(said: Said, range: { readonly min: number; readonly max: number }) {
  return text(said, { type: ["integer", "string"] }, (value): Read<number> => {
    const number = /^(0|[1-9]\d{0,15})$/.test(value) ? Number(value) : Number.NaN;
    if (number >= range.min && number <= range.max) return { value: number };
    const wrong = `${shown(value)} is not a whole number from ${range.min} to ${range.max}.`;
    return { wrong, suggestion: `Write it such as ${said.example}.` };
  });
}

/** A share from 0 to 1, for display and sampling only. */
export function share(said: Said) {
  return text(said, { type: ["number", "string"] }, (value): Read<number> => {
    if (/^(0(\.\d{1,6})?|1(\.0{1,6})?)$/.test(value)) return { value: Number(value) };
    return { wrong: `${shown(value)} is not a share from 0 to 1.`, suggestion: `Write it such as ${said.example}.` };
  });
}

/** Bytes: `64MiB`. */
export function bytes(said: Said) {
  return text(said, { type: "string" }, (value): Read<number> => {
    const amount = bytesOf(value);
    if (amount !== null && amount > 0) return { value: amount };
    return {
      wrong: `${shown(value)} is not a size (B, kB, MB, GB, KiB, MiB, GiB).`,
      suggestion: `Write it such as ${said.example}.`,
    };
  });
}

/** Milliseconds: `30s`. */
export function duration(said: Said) {
  return text(said, { type: "string" }, (value): Read<number> => {
    const amount = millisecondsOf(value);
    if (amount !== null && amount > 0) return { value: amount };
    return { wrong: `${shown(value)} is not a duration (ms, s, m, h, d).`, suggestion: `Write it such as ${said.example}.` };
  });
}

/** One of several words. `later` are words of features that are not built yet, refused by the feature's name. */
export function choice<const T extends string>(said: Said, words: readonly T[], later: Readonly<Record<string, string>> = {}) {
  const numeric = words.every((word) => /^\d+$/.test(word));
  return leaf(said, { enum: numeric ? words.map(Number) : words }, (value): Read<T> => {
    const known = words.find((word) => word === value);
    if (known !== undefined) return { value: known };
    const feature = typeof value === "string" && Object.hasOwn(later, value) ? later[value] : undefined;
    if (feature !== undefined) return { feature };
    const near = typeof value === "string" && !numeric ? closest(value, words) : null;
    const suggestion = near === null ? `Write it such as ${said.example}.` : `Did you mean ${near}?`;
    return { wrong: `${shown(value)} is not one of ${words.join(", ")}.`, suggestion };
  });
}

const SWITCH_WORDS: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [true, true],
  ["true", true],
  ["on", true],
  [false, false],
  ["false", false],
  ["off", false],
]);

/** `on` or `off`; true and false mean the same. YAML 1.1's yes and no are refused: they are text in YAML 1.2. */
export function toggle(said: Said) {
  return leaf(said, { enum: ["on", "off", true, false] }, (value): Read<boolean> => {
    const found = SWITCH_WORDS.get(value);
    if (found !== undefined) return { value: found };
    const negative = typeof value === "string" && /^(no|n|none|never)$/i.test(value);
    const suggestion = negative ? "Write off." : `Write on or off, such as ${said.example}.`;
    return { wrong: `${shown(value)} is neither on nor off.`, suggestion };
  });
}

/** What is wrong with a name, or null: 1 to 256 characters, none of them a control character. */
function nameFault(value: string): string | null {
  if (value.trim() === "") return "The name is empty.";
  if (value.length > 256) return `The name has ${value.length} characters; at most 256 are accepted.`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(value)) return "The name has a control character or a line break in it.";
  return value === value.trim() ? null : `${shown(value)} begins or ends with a space.`;
}

/** A name or a glob in anybody's words. */
export function name(said: Said) {
  return text(said, { type: ["string", "number"] }, (value): Read<string> => {
    const wrong = nameFault(value);
    return wrong === null ? { value } : { wrong, suggestion: `Write it such as ${said.example}.` };
  });
}

/** A name that commands, headers and logs carry as it is. */
export function identifier(said: Said) {
  return text(said, { type: ["string", "number"], pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" }, (value): Read<string> => {
    if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value)) return { value };
    const bare = value
      .trim()
      .replace(/[^A-Za-z0-9._-]+/g, "-")
      .replace(/^[-._]+|-+$/g, "")
      .slice(0, 64);
    const suggestion = bare === "" ? `Write it such as ${said.example}.` : `Write it such as ${bare}.`;
    const wrong = `${shown(value)} is not a name of 1 to 64 letters, digits, dots, dashes and underscores.`;
    return { wrong, suggestion };
  });
}

/** A credential. Messages never show it. */
export function secret(said: Said) {
  return leaf(said, { type: ["string", "number"] }, (value): Read<Secret> => {
    if (typeof value === "string" && /^[\x21-\x7e]{1,4096}$/.test(value)) return { value: new Secret(value) };
    const what = typeof value !== "string" ? "is not text" : value === "" ? "is empty" : "has spaces or characters beyond ASCII";
    return { wrong: `This credential ${what}.`, suggestion: `Take it from the environment: ${said.example}.` };
  });
}

/** An http or https address without credentials, query or fragment; given back without its last slash. */
export function httpUrl(said: Said) {
  return text(said, { type: "string" }, (value): Read<string> => {
    const url = URL.canParse(value) ? new URL(value) : null;
    const usable = url !== null && /^https?:$/.test(url.protocol) && url.search === "" && url.hash === "";
    if (usable && url.username === "" && url.password === "") return { value: value.replace(/\/+$/, "") };
    const wrong = `${shown(value.replace(/\/\/[^/@]*@/, "//[redacted]@"))} is not an http or https address without user, query and fragment.`;
    return { wrong, suggestion: `Write it such as ${said.example}.` };
  });
}

/** An IANA time zone. */
export function zone(said: Said) {
  return text(said, { type: "string" }, (value): Read<string> => {
    if (isTimeZone(value)) return { value };
    const near = closest(value, [...Intl.supportedValuesOf("timeZone"), "UTC"]);
    const suggestion = near === null ? `Write it such as ${said.example}.` : `Did you mean ${near}?`;
    return { wrong: `${shown(value)} is not an IANA time zone.`, suggestion };
  });
}

/** The rolling window that is meant, in the accepted form: `24h`, `rolling-24h`, `rolling 0h` (1h). Null when there is none. */
function rollingNear(value: string): string | null {
  const [, count, unit] = /^(?:rolling)?[ -]?(\d+) ?([mhd])$/.exec(value) ?? [];
  if (count === undefined) return null;
  const near = `rolling ${Math.max(1, Number(count))}${unit}`;
  return "value" in parsed(() => parseWindow(near), "") ? near : null;
}

/** A budget's window. */
export function window(said: Said) {
  const words = ["minute", "hour", "day", "week", "month", "quarter", "lifetime"];
  const aliases: Readonly<Record<string, string>> = {
    daily: "day",
    hourly: "hour",
    weekly: "week",
    monthly: "month",
    "24h": "rolling 24h",
  };
  return text(said, { type: "string" }, (value): Read<Window> => {
    const near = aliases[value] ?? rollingNear(value) ?? closest(value, words);
    return parsed(() => parseWindow(value), near === null ? `Write it such as ${said.example}.` : `Did you mean ${near}?`);
  });
}

/** A file's path, relative to the configuration file. */
export function filePath(said: Said) {
  return text(said, { type: "string" }, (value): Read<string> => {
    if (value !== "" && !value.includes("\0")) return { value };
    return { wrong: `${shown(value)} is not a path.`, suggestion: `Write it such as ${said.example}.` };
  });
}

function isOff(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === "off" || value === "false") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** Something that is named in the design and not built yet: off or absent loads, anything else is refused by name. */
export function notBuilt(feature: string, said: Said) {
  return z
    .unknown()
    .transform((value, ctx): null => {
      if (!isOff(value)) ctx.issues.push(issue({ kind: "not-built", feature }, value));
      return null;
    })
    .optional()
    .meta({
      description: `${said.about} Not built yet: only off.`,
      examples: [said.example],
      enum: ["off", false, null],
      default: "off",
    });
}

/** A list of names. */
export function names(said: Said) {
  return z.array(name(said)).meta({ description: said.about, examples: [`[${said.example}]`] });
}

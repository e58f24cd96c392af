/**
 * How an entry is stored: one line of JSON, an array. It says the same as the entry in a quarter of the bytes, because it
 * names accounts by their number and leaves out what its place says (`seq`). A line that is an object is an entry's own
 * JSON. Money path: fails closed — a line that names an account that was never opened throws.
 */
import type { Attribution } from "../budget/budget.js";
import type { UsageCounts } from "../meter/usage.js";
import type { AccountOpening, CeilingJson, Entry, ExtendedEntry, HeldEntry, PostedEntry, Posting, PostOutcome } from "./entry.js";
import type { Account } from "./state.js";

/** `[what, at, attempt_id, call_id (0: the attempt's id up to its last dot), …]`; every kind of line begins like that. */
type Line = readonly [string, number, string | null, string | 0, ...unknown[]];
/** Nano-dollars, input and output tokens. */
type CeilingLine = readonly [string, number, number];
/** An account as the line that opens it has it: with its number. */
type OpeningLine = AccountOpening & { readonly number: number };
type HeldRest = Pick<HeldEntry, "over" | "simulated" | "idempotency"> & { readonly opens?: readonly OpeningLine[] };
type PostedRest = Pick<PostedEntry, "service_tier" | "flags" | "response_id" | "metered_output" | "actor" | "reason">;

/** `held`, the same with accounts opened, `extended`, `posted`; `other` lines carry their entry's remaining fields by name. */
const KIND = { held: "h", heldOpening: "H", extended: "x", posted: "p", other: "e" } as const;

/** Texts of names kept at most; they are few, and come again with every call. */
const NAMES_MAX = 20_000;

function callOf(attemptId: string): string {
  return attemptId.slice(0, Math.max(0, attemptId.lastIndexOf(".")));
}

/** JSON of texts and callers that come again with every call. */
function openNames() {
  const names = new Map<string, string>();
  const callers = new WeakMap<Attribution, string>();
  return {
    name(text: string | null): string {
      if (text === null) return "null";
      const known = names.get(text);
      if (known !== undefined) return known;
      if (names.size >= NAMES_MAX) names.clear();
      const json = JSON.stringify(text);
      names.set(text, json);
      return json;
    },
    caller(attribution: Attribution): string {
      const known = callers.get(attribution);
      if (known !== undefined) return known;
      const json = JSON.stringify(attribution);
      if (Object.isFrozen(attribution)) callers.set(attribution, json);
      return json;
    },
  };
}

/** Writes entries as lines. An entry is written right after it was folded: its accounts are in the state then. */
export function openLineWriter(accounts: ReadonlyMap<string, Account>): (entry: Entry) => string {
  const { name, caller } = openNames();

  function numberOf(id: string): number {
    const account = accounts.get(id);
    if (account === undefined) throw new RangeError(`An entry names the account ${id}, which is not open.`);
    return account.number;
  }

  /** `"1 900000 2 900000"`: numbers of accounts, each with its amount. */
  function postings(of: readonly Posting[]): string {
    let text = '"';
    for (let index = 0; index < of.length; index++) {
      const { account, amount } = of[index] as Posting;
      text += index === 0 ? `${numberOf(account)} ${amount}` : ` ${numberOf(account)} ${amount}`;
    }
    return `${text}"`;
  }

  function head(kind: string, { at, attempt_id, call_id }: HeldEntry | ExtendedEntry | PostedEntry): string {
    // Ids that are made here need no escaping; others may be anything.
    const call = callOf(attempt_id) === call_id ? "0" : JSON.stringify(call_id);
    return `["${kind}",${at},${JSON.stringify(attempt_id)},${call}`;
  }

  const ceiling = ({ nano, input_tokens, output_tokens }: CeilingJson): string => `["${nano}",${input_tokens},${output_tokens}]`;

  function held(entry: HeldEntry): string {
    const { opens, over, simulated, idempotency } = entry;
    const plain = opens === undefined && over === undefined && simulated === undefined && idempotency === undefined;
    const numbered = opens?.map((opening) => ({ ...opening, number: numberOf(opening.id) }));
    const rest: HeldRest = { opens: numbered, over, simulated, idempotency };
    const start = head(opens === undefined ? KIND.held : KIND.heldOpening, entry);
    const what = `${caller(entry.attribution)},${name(entry.provider)},${name(entry.price_id)},${ceiling(entry.ceiling)}`;
    const end = plain ? "]" : `,${JSON.stringify(rest)}]`;
    return `${start},${what},${postings(entry.postings)},${entry.estimated_input}${end}`;
  }

  function posted(entry: PostedEntry): string {
    const { service_tier, flags, response_id, metered_output, actor, reason } = entry;
    const rest: PostedRest = { service_tier, flags, response_id, metered_output, actor, reason };
    const who = `${name(entry.agent)},${name(entry.model)},${name(entry.price_id)}`;
    const what = `"${entry.nano}",${JSON.stringify(entry.usage)},"${entry.evidence}","${entry.outcome}"`;
    const end = Object.values(rest).every((value) => value === undefined) ? "]" : `,${JSON.stringify(rest)}]`;
    return `${head(KIND.posted, entry)},${who},${what},${postings(entry.postings)}${end}`;
  }

  function other(entry: Entry): string {
    const { seq: _place, at, ...rest } = entry;
    return JSON.stringify([KIND.other, at, "attempt_id" in entry ? entry.attempt_id : null, 0, rest]);
  }

  return (entry) => {
    if (entry.type === "call.held") return held(entry);
    if (entry.type === "call.posted") return posted(entry);
    if (entry.type !== "call.extended") return other(entry);
    return `${head(KIND.extended, entry)},${ceiling(entry.ceiling)},${postings(entry.postings)}]`;
  };
}

const ceilingJson = ([nano, input_tokens, output_tokens]: CeilingLine): CeilingJson => ({ nano, input_tokens, output_tokens });

/** Names of the accounts that lines have opened so far; `nameOf` is asked for others. */
function openAccountNames(nameOf: ((number: number) => string | undefined) | undefined) {
  const opened = new Map<number, string>();

  function accountOf(number: number): string {
    const id = opened.get(number) ?? nameOf?.(number);
    if (id === undefined) throw new RangeError(`it names account ${number}, which was never opened`);
    return id;
  }

  return {
    /** An older line gives no numbers: they are those of its accounts' order, where the log is read from its beginning. */
    number(openings: readonly AccountOpening[]): void {
      if (nameOf === undefined) for (const { id } of openings) opened.set(opened.size + 1, id);
    },
    plain({ number, ...opening }: OpeningLine): AccountOpening {
      opened.set(number, opening.id);
      return opening;
    },
    postings(text: string): Posting[] {
      if (text === "") return [];
      const parts = text.split(" ");
      const found: Posting[] = [];
      for (let index = 0; index < parts.length; index += 2) {
        found.push({ account: accountOf(Number(parts[index])), amount: parts[index + 1] ?? "" });
      }
      return found;
    },
  };
}

/**
 * Reads lines back as the entries they were. It learns the accounts' names from the lines that open them, so a log read
 * from its first line needs nothing else; `nameOf` is asked for those opened before.
 */
export function openLineReader(nameOf?: (number: number) => string | undefined): (seq: number, text: string) => Entry {
  const { number, plain, postings } = openAccountNames(nameOf);

  function held(ids: LineIds, fields: readonly unknown[]): HeldEntry {
    const [attribution, provider, price_id, ceiling, on, estimated_input, rest] = fields as readonly [
      Attribution,
      string,
      string | null,
      CeilingLine,
      string,
      number,
      HeldRest | undefined,
    ];
    const opens = rest?.opens?.map(plain);
    const { over, simulated, idempotency } = rest ?? {};
    const { seq, at, call_id, attempt_id } = ids;
    return {
      ...{ seq, at, type: "call.held", call_id, attempt_id, attribution, provider, price_id, ceiling: ceilingJson(ceiling) },
      ...{ postings: postings(on), opens, over, simulated, estimated_input, idempotency },
    };
  }

  function posted(ids: LineIds, fields: readonly unknown[]): PostedEntry {
    const [agent, model, price_id, nano, usage, evidence, outcome, on, rest] = fields as readonly [
      string,
      string,
      string | null,
      string,
      UsageCounts,
      PostedEntry["evidence"],
      PostOutcome,
      string,
      PostedRest | undefined,
    ];
    const { service_tier, ...more } = rest ?? {};
    const { seq, at, call_id, attempt_id } = ids;
    return {
      ...{ seq, at, type: "call.posted", call_id, attempt_id, agent, model, price_id, nano, usage, service_tier, evidence },
      ...{ postings: postings(on), outcome, ...more },
    };
  }

  function entryOf(seq: number, [kind, at, attempt_id, call, ...fields]: Line): Entry {
    if (kind === KIND.other) return { seq, at, ...(fields[0] as object) } as Entry;
    if (attempt_id === null) throw new RangeError(`it is of kind "${kind}" and names no attempt`);
    const ids: LineIds = { seq, at, attempt_id, call_id: call === 0 ? callOf(attempt_id) : call };
    if (kind === KIND.held || kind === KIND.heldOpening) return held(ids, fields);
    if (kind === KIND.posted) return posted(ids, fields);
    if (kind !== KIND.extended) throw new RangeError(`it is of the unknown kind "${kind}"`);
    const [ceiling, on] = fields as unknown as readonly [CeilingLine, string];
    const { call_id } = ids;
    return { seq, at, type: "call.extended", call_id, attempt_id, ceiling: ceilingJson(ceiling), postings: postings(on) };
  }

  return (seq, text) => {
    const json = JSON.parse(text) as Line | Entry;
    if (isLine(json)) return entryOf(seq, json);
    if (json.type === "call.held") number(json.opens ?? []);
    return json;
  };
}

interface LineIds {
  readonly seq: number;
  readonly at: number;
  readonly attempt_id: string;
  readonly call_id: string;
}

function isLine(json: Line | Entry): json is Line {
  return Array.isArray(json);
}

/** What a line says of its attempt, for an index: found without reading the line whole. */
export interface LineMark {
  readonly attempt_id: string;
  /** 0 holds it, 1 settles it (posted or voided), null is anything else. */
  readonly part: 0 | 1 | null;
}

const PARTS: Readonly<Record<string, 0 | 1>> = { "call.held": 0, "call.posted": 1, "call.voided": 1 };

/** The mark of a line; null for a line of no attempt. */
export function markOf(text: string): LineMark | null {
  const kind = text.charAt(2);
  const from = text.indexOf(",", 5) + 2;
  const to = text.indexOf('"', from);
  const attempt_id = text.slice(from, to);
  const quick = text.startsWith("[") && kind !== KIND.other && !attempt_id.includes("\\");
  if (!quick) return slowMarkOf(text);
  if (kind === KIND.posted) return { attempt_id, part: 1 };
  return { attempt_id, part: kind === KIND.extended ? null : 0 };
}

function slowMarkOf(text: string): LineMark | null {
  const json = JSON.parse(text) as Line | Entry;
  const [kind, , attempt_id, , rest] = isLine(json)
    ? json
    : [KIND.other, 0, "attempt_id" in json ? json.attempt_id : null, 0, json];
  if (attempt_id === null) return null;
  if (kind === KIND.other) return { attempt_id, part: PARTS[(rest as Entry).type] ?? null };
  return { attempt_id, part: kind === KIND.posted ? 1 : kind === KIND.extended ? null : 0 };
}

/** Accounts that a line opens, in order. */
export function openingsOf(text: string): readonly AccountOpening[] {
  if (text.startsWith(`["${KIND.heldOpening}"`)) return ((JSON.parse(text) as Line)[10] as HeldRest | undefined)?.opens ?? [];
  if (text.startsWith("[")) return [];
  const entry = JSON.parse(text) as Entry;
  return entry.type === "call.held" ? (entry.opens ?? []) : [];
}

/** Numbers of the accounts that a line written here opens, in the same order. */
export function numbersOf(text: string): readonly number[] {
  return openingsOf(text).map((opening) => (opening as OpeningLine).number);
}

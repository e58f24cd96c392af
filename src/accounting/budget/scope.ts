import type { Attribution, Budget, BudgetMatch, GroupBy } from "./budget.js";

/** Group of calls that do not say what the budget groups by. */
export const UNATTRIBUTED = "unattributed";

/** Group that everything beyond `accounts_max` shares. */
export const OTHER = "other";

/** Does a value match a glob (`*` stands for any run of characters, the empty one included)? Linear, no regular expression. */
export function matchesGlob(pattern: string, value: string): boolean {
  const pieces = pattern.split("*");
  if (pieces.length === 1) return pattern === value;
  const first = pieces[0] ?? "";
  const last = pieces[pieces.length - 1] ?? "";
  if (!value.startsWith(first) || value.length < first.length + last.length || !value.endsWith(last)) return false;
  let from = first.length;
  const to = value.length - last.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = value.indexOf(piece, from);
    if (found < 0 || found + piece.length > to) return false;
    from = found + piece.length;
  }
  return true;
}

function matchesOne(pattern: string | undefined, value: string | undefined): boolean {
  if (pattern === undefined) return true;
  return value !== undefined && matchesGlob(pattern, value);
}

/** How providers date a snapshot of a model: `-2024-05-13`, `-20241022`, `@20241022`; `-latest` is the newest of them. */
const SNAPSHOT = /(?:-\d{4}-\d{2}-\d{2}|[-@]\d{8}|-latest)$/;

/** A model without the date of its snapshot: `openai/gpt-4o-2024-05-13` → `openai/gpt-4o`. */
function undated(model: string): string {
  return model.replace(SNAPSHOT, "");
}

function matchesName(wanted: string, canonical: string): boolean {
  if (matchesGlob(wanted, canonical)) return true;
  const slash = canonical.indexOf("/");
  return slash >= 0 && matchesGlob(wanted, canonical.slice(slash + 1));
}

/**
 * A model selector matches the canonical id (`openai/gpt-4o`) or its bare name. One without a glob also means the dated
 * snapshots of its model: they are the same model to whoever writes its name, also where their price is another.
 */
export function matchesModel(pattern: string, canonical: string): boolean {
  const wanted = pattern.trim().toLowerCase();
  if (matchesName(wanted, canonical)) return true;
  return !wanted.includes("*") && matchesName(wanted, undated(canonical));
}

/** Does the budget cover a call of this attribution? Every selector given must match; no selector covers everything. */
export function covers(match: BudgetMatch, call: Attribution): boolean {
  if (!matchesOne(match.agent, call.agent) || !matchesOne(match.team, call.team)) return false;
  if (!matchesOne(match.user, call.user) || !matchesOne(match.key, call.key)) return false;
  if (!matchesOne(match.task_type, call.task_type)) return false;
  if (match.model !== undefined && !matchesModel(match.model, call.model)) return false;
  for (const [name, pattern] of Object.entries(match.tag ?? {})) {
    if (!matchesOne(pattern, call.tags?.[name])) return false;
  }
  return true;
}

function groupValue(by: GroupBy, call: Attribution): string | null {
  switch (by) {
    case "agent":
      return call.agent;
    case "key":
      return call.key;
    case "model":
      // A snapshot's date opens no account of its own: another spelling of a model is no further money.
      return undated(call.model);
    case "task":
      return call.task ?? null;
    case "task_type":
      return call.task_type ?? UNATTRIBUTED;
    case "user":
      return call.user ?? UNATTRIBUTED;
    case "team":
      return call.team ?? UNATTRIBUTED;
    default:
      return call.tags?.[by.slice("tag:".length)] ?? UNATTRIBUTED;
  }
}

/**
 * The group a call falls into, or null when the budget does not apply: a budget per task says nothing about a call that
 * belongs to no task (one shared account would cap all of them together).
 */
export function groupOf(budget: Budget, call: Attribution): readonly string[] | null {
  const group: string[] = [];
  for (const by of budget.per) {
    const value = groupValue(by, call);
    if (value === null) return null;
    group.push(value);
  }
  return group;
}

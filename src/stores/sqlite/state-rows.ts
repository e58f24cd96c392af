/**
 * The state as rows of text, and back. Money path: fails closed — an amount that is not a whole number throws.
 * Every amount is a decimal string, so that nothing is lost beyond 2^53 or 2^63.
 */
import { openAccount } from "../../accounting/ledger/apply.js";
import type { BudgetJson } from "../../accounting/ledger/entry.js";
import type { Account, AccountCounted, AgentTotals, BudgetState, Hold, State, Touched } from "../../accounting/ledger/state.js";
import { sha256 } from "./chain-check.js";

/** The parts of the state that are stored; the rest of it is derived from these or from the log. */
export type StateKind = keyof Touched;

/** One part of the state; `json` is null when it is no longer there. */
export interface StateRow {
  readonly kind: StateKind;
  readonly key: string;
  readonly json: string | null;
}

type Amounts<T> = { readonly [K in keyof T]: bigint extends T[K] ? string : T[K] };
type AccountJson = Amounts<AccountCounted>;
type AgentJson = Amounts<AgentTotals>;
interface HoldJson extends Omit<Hold, "ceiling" | "accounts" | "amounts"> {
  readonly ceiling: Amounts<Hold["ceiling"]>;
  readonly postings: readonly (readonly [string, string])[];
}
interface BudgetStateJson extends Omit<BudgetState, "budget" | "raises"> {
  readonly budget: BudgetJson;
  readonly raises: readonly (Omit<BudgetState["raises"][number], "amount"> & { readonly amount: string })[];
}

function encodeAccount(account: Account): AccountJson {
  const { chain: _chain, holds: _holds, used, held, presumed, overrun, ...rest } = account;
  return { ...rest, used: String(used), held: String(held), presumed: String(presumed), overrun: String(overrun) };
}

function decodeAccount(json: AccountJson): AccountCounted {
  const { used, held, presumed, overrun } = json;
  return { ...json, used: BigInt(used), held: BigInt(held), presumed: BigInt(presumed), overrun: BigInt(overrun) };
}

function encodeAgent(totals: AgentTotals): AgentJson {
  return { ...totals, nano: String(totals.nano), simulated_nano: String(totals.simulated_nano) };
}

function decodeAgent(json: AgentJson): AgentTotals {
  return { ...json, nano: BigInt(json.nano), simulated_nano: BigInt(json.simulated_nano) };
}

function encodeHold(hold: Hold): HoldJson {
  const { accounts, amounts, ...rest } = hold;
  const postings = accounts.map(({ id }, index) => [id, String(amounts[index])] as const);
  return { ...rest, ceiling: { ...hold.ceiling, nano: String(hold.ceiling.nano) }, postings };
}

function decodeHold(json: HoldJson, state: State): Hold {
  const { postings, ...rest } = json;
  const accounts = postings.map(([id]) => {
    const account = state.accounts.get(id);
    if (account === undefined)
      throw new RangeError(`The hold of ${json.attempt_id} is on the account ${id}, which is not there.`);
    account.holds += 1;
    return account;
  });
  const amounts = postings.map(([, amount]) => BigInt(amount));
  return { ...rest, ceiling: { ...json.ceiling, nano: BigInt(json.ceiling.nano) }, accounts, amounts };
}

function encodeBudget(known: BudgetState): BudgetStateJson {
  const limit = known.budget.limit === null ? null : String(known.budget.limit);
  const raises = known.raises.map((raise) => ({ ...raise, amount: String(raise.amount) }));
  return { ...known, budget: { ...known.budget, limit }, raises };
}

function decodeBudget(json: BudgetStateJson): BudgetState {
  const limit = json.budget.limit === null ? null : BigInt(json.budget.limit);
  const raises = json.raises.map((raise) => ({ ...raise, amount: BigInt(raise.amount) }));
  return { ...json, budget: { ...json.budget, limit }, raises };
}

function encode(state: State, kind: StateKind, key: string): unknown {
  switch (kind) {
    case "accounts":
      return mapped(state.accounts.get(key), encodeAccount);
    case "agents":
      return mapped(state.agents.get(key), encodeAgent);
    case "holds":
      return mapped(state.holds.get(key), encodeHold);
    case "budgets":
      return mapped(state.budgets.get(key), encodeBudget);
    case "calibrations":
      return state.calibrations.get(key);
  }
}

function mapped<T>(value: T | undefined, encodeIt: (value: T) => unknown): unknown {
  return value === undefined ? undefined : encodeIt(value);
}

const KINDS: readonly StateKind[] = ["budgets", "accounts", "holds", "agents", "calibrations"];

/** Rows for the keys that changed, in the order in which they first changed. */
export function* touchedRows(state: State, touched: Touched): Generator<StateRow> {
  for (const kind of KINDS) {
    for (const key of touched[kind]) {
      const value = encode(state, kind, key);
      yield { kind, key, json: value === undefined ? null : JSON.stringify(value) };
    }
  }
}

/** Every row of a state, to compare a fold with what is stored. */
export function stateRows(state: State): StateRow[] {
  const touched = {} as Record<StateKind, Set<string>>;
  for (const kind of KINDS) touched[kind] = new Set(state[kind].keys());
  return [...touchedRows(state, touched)];
}

/** Takes one stored row into a state. Rows come in the order in which they were first written. */
export function takeRow(state: State, row: { kind: string; key: string; json: string }): void {
  const json: unknown = JSON.parse(row.json);
  switch (row.kind as StateKind) {
    case "accounts": {
      openAccount(state, decodeAccount(json as AccountJson));
      break;
    }
    case "agents":
      state.agents.set(row.key, decodeAgent(json as AgentJson));
      break;
    case "holds":
      state.holds.set(row.key, decodeHold(json as HoldJson, state));
      break;
    case "budgets":
      state.budgets.set(row.key, decodeBudget(json as BudgetStateJson));
      break;
    case "calibrations":
      state.calibrations.set(row.key, json as { ratio: number; samples: number });
      break;
    default:
      throw new RangeError(`The state has a row of unknown kind "${row.kind}".`);
  }
}

const DIGEST_BITS = 256;
/** Digest of no rows. */
export const EMPTY_DIGEST = "0".repeat(DIGEST_BITS / 4);

/** A row as stored: one that changed behind Bursar's back has another digest. */
export interface StoredRow {
  readonly kind: string;
  readonly key: string;
  readonly json: string;
}

/**
 * A digest over rows as stored: the sum of their SHA-256 modulo 2^256, so that a checkpoint reads only what it changes
 * and not the whole state. Goes on from `from` (hex).
 */
export function openDigest(from: string = EMPTY_DIGEST): {
  add(row: StoredRow): void;
  take(row: StoredRow): void;
  hex(): string;
} {
  let sum = BigInt(`0x${from}`);
  const numberOf = ({ kind, key, json }: StoredRow): bigint => BigInt(`0x${sha256(JSON.stringify([kind, key, json]))}`);
  return {
    add(row) {
      sum = BigInt.asUintN(DIGEST_BITS, sum + numberOf(row));
    },
    take(row) {
      sum = BigInt.asUintN(DIGEST_BITS, sum - numberOf(row));
    },
    hex: () => sum.toString(16).padStart(DIGEST_BITS / 4, "0"),
  };
}

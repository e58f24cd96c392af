import type { State, Touched } from "./state.js";

/** The state before the first entry. */
export function emptyState(): State {
  return {
    seq: 0,
    at: 0,
    budgets: new Map(),
    accounts: new Map(),
    opened: 0,
    chains: new Map(),
    groups: new Map(),
    holds: new Map(),
    resolutions: new Map(),
    agents: new Map(),
    calibrations: new Map(),
    budgets_version: 0,
  };
}

/** An empty record of changed keys. */
export function nothingTouched(): Touched {
  return { budgets: new Set(), accounts: new Set(), holds: new Set(), agents: new Set(), calibrations: new Set() };
}

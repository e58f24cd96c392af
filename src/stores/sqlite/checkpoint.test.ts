import { expect, test } from "vitest";
import { budget, ceiling, hold, standingClock } from "../../../test/ledger-fixtures.js";
import { openMemo } from "../../accounting/budget/accounts.js";
import { apply } from "../../accounting/ledger/apply.js";
import type { LedgerCommand } from "../../accounting/ledger/command.js";
import { decide } from "../../accounting/ledger/decide.js";
import { emptyState, nothingTouched } from "../../accounting/ledger/empty-state.js";
import { openWindows } from "../../accounting/units/window.js";
import { openCheckpoints } from "./checkpoint.js";

function openFold() {
  const state = emptyState();
  const touched = nothingTouched();
  const using = { now: standingClock().now(), memo: openMemo(openWindows()) };
  const take = (command: LedgerCommand): void => {
    for (const entry of decide(state, command, using).entries) apply(state, entry, touched);
  };
  take({ type: "declare", budgets: [budget({ name: "b", limit: 10n ** 12n })], actor: "t", reason: "t" });
  return { state, touched, take };
}

test("a state that is ahead of the log is not written down", () => {
  const { state, touched, take } = openFold();
  const checkpoints = openCheckpoints({ state, touched, folded: 4_000 });
  take(hold("x", ceiling(1, 1)));
  expect(checkpoints.rest()).toBeNull();
  expect(checkpoints.behind({ entries: 0, last: 1 })).toBeNull();
  const taken = checkpoints.behind({ entries: 1, last: 2 });
  expect([taken?.seq, taken?.rows.map((row) => row.kind)]).toEqual([2, ["budgets", "accounts", "holds"]]);
});

test("a checkpoint has what changed since the last one, and nothing is left when nothing changed", () => {
  const { state, touched, take } = openFold();
  const checkpoints = openCheckpoints({ state, touched, folded: 1 });
  expect(checkpoints.rest()?.rows.map((row) => row.kind)).toEqual(["budgets"]);
  expect(checkpoints.rest()).toBeNull();
  take(hold("x", ceiling(1, 1)));
  expect(checkpoints.behind({ entries: 1, last: 2 })).toBeNull();
  expect(checkpoints.rest()?.rows.map((row) => row.kind)).toEqual(["accounts", "holds"]);
});

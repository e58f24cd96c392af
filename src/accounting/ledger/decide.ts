/**
 * The rules. `decide` looks at the state and a command and answers what would be written, or a refusal; it changes
 * nothing. Money path: fails closed — whatever it cannot establish is refused.
 */
import type { Memo } from "../budget/accounts.js";
import { decideDeclare, decideRaise } from "./decide-budget.js";
import { decideExtend, decideHold, decideRefuse } from "./decide-hold.js";
import { decidePost, decidePresume, decideVoid } from "./decide-settle.js";
import type { LedgerCommand, LedgerRefusal } from "./command.js";
import type { EntryDraft } from "./entry.js";
import type { PathStep } from "../budget/accounts.js";
import type { State } from "./state.js";

/** What a command comes to. `path` are the accounts its answer shows once the entries are applied. */
export interface Decision {
  readonly entries: readonly EntryDraft[];
  readonly path: readonly PathStep[];
  readonly refusal?: LedgerRefusal;
  readonly nano?: bigint;
}

/** What `decide` is told besides the command: the clock's reading and its own memory of paths. */
export interface DecideWith {
  readonly now: number;
  readonly memo: Memo;
}

/** Entries to append for a command, or why not. Pure over (state, command, now); `memo` only makes it quick. */
export function decide(state: State, command: LedgerCommand, using: DecideWith): Decision {
  switch (command.type) {
    case "hold":
      return decideHold(state, command, using);
    case "extend":
      return decideExtend(state, command, using);
    case "post":
      return decidePost(state, command, using);
    case "void":
      return decideVoid(state, command, using);
    case "presume":
      return decidePresume(state, command, using);
    case "refuse":
      return decideRefuse(command, using);
    case "declare":
      return decideDeclare(state, command, using);
    case "raise":
      return decideRaise(state, command, using);
  }
}

/**
 * The rules. `decide` looks at the state and a command and answers what would be written, or a refusal; it changes
 * nothing. Money path: fails closed — whatever it cannot establish is refused.
 */
import type { LedgerCommand } from "./command.js";
import { decideDeclare, decideRaise } from "./decide-budget.js";
import { decideExtend, decideHold, decideRefuse } from "./decide-hold.js";
import { decidePost, decidePresume, decideVoid } from "./decide-settle.js";
import type { DecideWith, Decision } from "./decision.js";
import type { State } from "./state.js";

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
      return decideRefuse(state, command, using);
    case "declare":
      return decideDeclare(state, command, using);
    case "raise":
      return decideRaise(state, command, using);
  }
}

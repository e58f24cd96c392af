import type { Memo } from "../budget/accounts.js";
import type { LedgerRefusal } from "./command.js";
import type { Entry } from "./entry.js";
import type { Hold } from "./state.js";

/** What a command comes to. Entries are numbered on from the state's last. `found` is the hold that a command found, whose accounts its answer shows. */
export interface Decision {
  readonly entries: readonly Entry[];
  readonly found?: Hold;
  readonly refusal?: LedgerRefusal;
  readonly nano?: bigint;
}

/** What `decide` is told besides the command: the clock's reading and its own memory of paths. */
export interface DecideWith {
  readonly now: number;
  readonly memo: Memo;
}

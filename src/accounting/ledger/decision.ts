import type { Memo, PathStep } from "../budget/accounts.js";
import type { LedgerRefusal } from "./command.js";
import type { Entry } from "./entry.js";

/** What a command comes to. Entries are numbered on from the state's last. `path` are the accounts its answer shows once the entries are applied. */
export interface Decision {
  readonly entries: readonly Entry[];
  readonly path: readonly PathStep[];
  readonly refusal?: LedgerRefusal;
  readonly nano?: bigint;
}

/** What `decide` is told besides the command: the clock's reading and its own memory of paths. */
export interface DecideWith {
  readonly now: number;
  readonly memo: Memo;
}

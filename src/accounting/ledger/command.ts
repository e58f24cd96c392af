import type { Attribution, Budget, Count, Unit } from "../budget/budget.js";
import type { ErrorCode } from "../errors.js";
import type { Usage } from "../meter/usage.js";
import type { IdempotencyMark, OverrunCause, PostOutcome } from "./entry.js";

/** The most an attempt may cost until it is extended or posted. */
export interface Ceiling {
  readonly nano: bigint;
  readonly input_tokens: number;
  readonly output_tokens: number;
}

/** Set money aside on every account the call matches: all or none. */
export interface HoldCommand {
  readonly type: "hold";
  readonly call_id: string;
  /** `call_id.k`; unique for ever. */
  readonly attempt_id: string;
  readonly attribution: Attribution;
  readonly provider: string;
  readonly price_id: string | null;
  /** True when no price is known: hard budgets then deny unless they say otherwise. */
  readonly price_unknown?: boolean;
  readonly ceiling: Ceiling;
  readonly estimated_input: number;
  readonly simulated?: boolean;
  readonly idempotency?: IdempotencyMark;
}

/** Set more aside for an attempt that is running. All or none; refusal leaves the hold as it was. */
export interface ExtendCommand {
  readonly type: "extend";
  readonly attempt_id: string;
  readonly add: Ceiling;
}

/** Settle: what the attempt truly cost. Idempotent by attempt and amount. */
export interface PostCommand {
  readonly type: "post";
  readonly attempt_id: string;
  readonly usage: Usage;
  readonly nano: bigint;
  /** Model that ran and its price row; default the hold's. */
  readonly model?: string;
  readonly price_id?: string | null;
  readonly outcome: PostOutcome;
  /** Cause to name if the cost exceeds the hold; default U2 when input exceeded its estimate, else U1. */
  readonly cause?: OverrunCause;
  /** Post exactly what is held (nano and usage are then taken from the hold). */
  readonly at_held?: boolean;
  readonly flags?: readonly string[];
  readonly response_id?: string;
  /** Output tokens metered from the bytes of a stream whose usage came: the meter learns from the two. */
  readonly metered_output?: number;
  readonly actor?: string;
  readonly reason?: string;
}

/** Give everything back: needs proof that nothing was billed. */
export interface VoidCommand {
  readonly type: "void";
  readonly attempt_id: string;
  readonly proof: string;
  readonly actor?: string;
  readonly reason?: string;
}

/** Nobody knows: keep counting the hold in full. */
export interface PresumeCommand {
  readonly type: "presume";
  readonly attempt_id: string;
  readonly reason: string;
}

/** Record a refusal that was decided before any hold (unknown price, paused agent …). */
export interface RefuseCommand {
  readonly type: "refuse";
  readonly call_id: string;
  readonly attempt_id: string;
  readonly attribution: Attribution;
  readonly code: ErrorCode;
  readonly message: string;
  readonly simulated?: boolean;
}

/** The configuration's budgets, whole: what differs is changed, what is missing is removed (its accounts stay). */
export interface DeclareCommand {
  readonly type: "declare";
  readonly budgets: readonly Budget[];
  readonly actor: string;
  readonly reason: string;
}

/** Raise (or lower, negative) a budget's limit, for ever or until an instant. */
export interface RaiseCommand {
  readonly type: "raise";
  readonly budget: string;
  readonly amount: bigint;
  readonly until: number | null;
  readonly actor: string;
  readonly reason: string;
}

/** One thing that can be asked of the ledger. */
export type LedgerCommand =
  | HoldCommand
  | ExtendCommand
  | PostCommand
  | VoidCommand
  | PresumeCommand
  | RefuseCommand
  | DeclareCommand
  | RaiseCommand;

/** One account as a caller may see it. Amounts in `unit` (nano-dollars for usd); `left` is never negative. */
export interface AccountView {
  readonly id: string;
  readonly budget: string;
  readonly group: readonly string[];
  readonly unit: Unit;
  readonly count: Count;
  readonly mode: "hard" | "soft" | "shadow";
  readonly limit: bigint | null;
  readonly used: bigint;
  readonly held: bigint;
  readonly left: bigint | null;
  readonly resets_at: number | null;
}

/** Why a command was not done. `waiting`: true when under 60 s of waiting can help. */
export interface LedgerRefusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly account?: AccountView;
  readonly requested?: bigint;
  readonly waiting?: boolean;
  /** With `waiting`: when to try again, under 60,000. */
  readonly retry_after_ms?: number;
}

/** What became of a command: done, with the accounts after it, or refused with nothing written but the refusal. */
export type LedgerResult =
  | {
      readonly ok: true;
      /** Accounts the command touched, after it. */
      readonly accounts: readonly AccountView[];
      /** False when the command had been done before and nothing was written. */
      readonly changed: boolean;
      /** What was posted, for post and for at_held. */
      readonly nano?: bigint;
    }
  | { readonly ok: false; readonly refusal: LedgerRefusal };

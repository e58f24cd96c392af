/** What the main thread and the two worker threads say to each other. Only texts and numbers cross, no objects per entry. */
import { BursarError, type ErrorCode, type ErrorDetails } from "../../accounting/errors.js";
import type { State, Touched } from "../../accounting/ledger/state.js";
import type { LogLine } from "../log-writer.js";
import type { ChainEnd } from "./chain-check.js";
import type { Checkpoint } from "./checkpoint.js";

/** What a worker is started with. */
export interface WorkerStart {
  readonly directory: string;
  readonly driver: string;
  /** Entries checked before the ledger is served; older ones are checked in the background. */
  readonly checkedAtStart: number;
}

/** Place in a worker's bell: how often it was rung. */
export const RINGS = 0;
/** Place in a worker's bell: 1 once it is to stop. */
export const STOP = 1;

/** What a worker really gets: also a bell, shared numbers that tell it of every question and of the end. */
export interface WorkerData extends WorkerStart {
  readonly bell: SharedArrayBuffer;
}

/** Lines to append. One text for all of them: what crosses between threads is copied value by value. */
export interface Lines {
  /** Number of the first; the others follow. */
  readonly first: number;
  /** One line a row; JSON has no bare line break. */
  readonly text: string;
}

/** A batch, and the checkpoint to store once it is acknowledged. */
export interface Appended {
  readonly lines: Lines;
  readonly checkpoint: Checkpoint | null;
}

/** A batch as it crosses. */
export function linesOf(batch: readonly LogLine[]): Lines {
  let text = "";
  for (let index = 0; index < batch.length; index++) text += index === 0 ? batch[index]?.json : `\n${batch[index]?.json}`;
  return { first: batch[0]?.seq ?? 0, text };
}

/** What the writing thread answers first. */
export interface Opened {
  readonly state: State;
  /** Entries folded over the checkpoint, and what they changed. */
  readonly folded: number;
  readonly touched: Touched;
  readonly epoch: number;
  readonly unchecked: ChainEnd;
}

/** A failure on its way between threads; classes do not survive that. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
}

/** A question to a worker; answered by its id. */
export interface Request {
  readonly id: number;
  readonly verb: string;
  readonly argument: unknown;
}

/** An answer. Id 0 answers the start; without an id it is the end of the worker. */
export interface Reply {
  readonly id: number | null;
  readonly value?: unknown;
  readonly failure?: Failure;
}

/** A failure as text. What is not Bursar's own error is the database's or the system's: the store is unavailable. */
export function failureOf(error: unknown): Failure {
  if (error instanceof BursarError) return { code: error.code, message: error.message, details: error.details };
  const text = error instanceof Error ? `${"code" in error ? `${String(error.code)}: ` : ""}${error.message}` : String(error);
  return {
    code: "store_unavailable",
    message: `The ledger cannot be used: ${text}. Restart Bursar once the cause is gone.`,
    details: {},
  };
}

/** The error of a failure that came from a worker. */
export function errorOf(failure: Failure): BursarError {
  return new BursarError(failure.code, failure.message, failure.details);
}

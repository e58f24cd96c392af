import type { ErrorDetails } from "../../../accounting/errors.js";
import type { ToldUsage } from "./told-usage.js";

/** A part of a framework's stream, as the road reads it. The real object waits in a table under `part`. */
export interface PartEvent {
  readonly part: number;
  /** Output text that the part brings: answer, reasoning, a tool's name or input. */
  readonly text?: string;
  /** A block that begins or ends with it, e.g. `text:0`. */
  readonly open?: string;
  readonly close?: string;
  /** Set by the part that ends the stream: why. */
  readonly finish?: string;
  readonly usage?: ToldUsage | null;
  readonly id?: string;
  readonly model?: string;
  readonly error?: string;
}

/** What the road gives for a stream that it ends: blocks to close, and the usage as far as it is known. */
export interface CutEvent {
  readonly cut: {
    readonly close: readonly string[];
    readonly input: number;
    readonly output: number;
    readonly bursar: Readonly<Record<string, unknown>>;
  };
}

/** What is added to the part that ends the stream. */
export interface ClosingEvent {
  readonly part: number;
  readonly bursar: Readonly<Record<string, unknown>>;
}

/** An error inside a stream that has begun. */
export interface FailedEvent {
  readonly failed: { readonly code: string; readonly message: string; readonly details: ErrorDetails };
}

/** Everything that may come out of the road. */
export type ModelCallEvent = PartEvent | ClosingEvent | CutEvent | FailedEvent;

/** A whole answer, as the road reads it. */
export interface WholeAnswer {
  readonly texts: readonly string[];
  readonly usage: ToldUsage | null;
  readonly id: string | null;
  readonly model: string | null;
}

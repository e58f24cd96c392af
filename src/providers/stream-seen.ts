/** What a stream's reader lets the road see, in every dialect alike. Money path: fails closed. */
import type { StreamSeen } from "../call/needs.js";
import type { OutputMeter } from "./meter-output.js";
import type { StreamUsage } from "./stream-usage.js";

/** The part of a reader's state that the road may see; it changes while the stream flows. */
export interface ReadState {
  readonly meter: OutputMeter;
  readonly usage: StreamUsage;
  readonly id: string | null;
  readonly model: string | null;
  readonly error: string | null;
  readonly finish_reason: string | null;
  readonly terminal: boolean;
}

/** What a dialect sees otherwise than its state has it. */
export interface SeenOtherwise {
  readonly usage?: () => StreamSeen["usage"];
  readonly usage_final?: () => boolean;
  readonly terminal?: () => boolean;
  readonly flags?: () => readonly string[];
}

/** A live view of a reader's state; `otherwise` where a dialect has more to say than that. */
export function seenOf(state: ReadState, otherwise: SeenOtherwise = {}): StreamSeen {
  const { usage, meter } = state;
  return {
    get usage() {
      return otherwise.usage === undefined ? usage.usage(meter.tokens, state.model) : otherwise.usage();
    },
    get usage_final() {
      return otherwise.usage_final?.() ?? usage.final;
    },
    get metered_output() {
      return meter.tokens;
    },
    get terminal() {
      return otherwise.terminal?.() ?? state.terminal;
    },
    get error() {
      return state.error;
    },
    get flags() {
      return otherwise.flags?.() ?? usage.flags;
    },
    get response_id() {
      return state.id;
    },
    get model() {
      return state.model;
    },
    get finish_reason() {
      return state.finish_reason;
    },
  };
}

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

/** A live view of a reader's state. `flagsOf` replaces the flags of its usage where a dialect has more to say. */
export function seenOf(state: ReadState, flagsOf: () => readonly string[] = () => state.usage.flags): StreamSeen {
  const { usage, meter } = state;
  return {
    get usage() {
      return usage.usage(meter.tokens, state.model);
    },
    get usage_final() {
      return usage.final;
    },
    get metered_output() {
      return meter.tokens;
    },
    get terminal() {
      return state.terminal;
    },
    get error() {
      return state.error;
    },
    get flags() {
      return flagsOf();
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

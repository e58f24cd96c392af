/** Meters output from the bytes that pass, for streams whose bill does not come. Money path: fails closed — never below the deltas. */
import { estimateTokens } from "../accounting/meter/estimate.js";

/** Counts what flows by. Holds at most `PENDING_MAX` characters and one delta. */
export interface OutputMeter {
  /** Text of one delta; the empty string counts nothing. */
  text(text: string): void;
  /** Tokens that text does not show, such as audio. */
  add(tokens: number): void;
  /** Tokens so far: the estimate of all text, never less than the number of deltas that had any. */
  readonly tokens: number;
}

/** Text gathered before it is estimated for good. Words cut at the seam cost about one token in this many characters. */
const PENDING_MAX = 256;

/** Opens a meter for one stream or reply. */
export function openOutputMeter(): OutputMeter {
  let deltas = 0;
  let counted = 0;
  let extra = 0;
  let pending = "";
  /** Of the pending text; null until somebody asks. */
  let estimate: number | null = 0;
  return {
    text(text) {
      if (text === "") return;
      deltas++;
      pending += text;
      estimate = null;
      if (pending.length < PENDING_MAX) return;
      counted += estimateTokens(pending);
      estimate = 0;
      pending = "";
    },
    add(tokens) {
      extra += tokens;
    },
    get tokens() {
      estimate ??= estimateTokens(pending);
      return Math.max(deltas, counted + estimate) + extra;
    },
  };
}

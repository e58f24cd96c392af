/** Meters output from the bytes that pass, for streams whose bill does not come. Money path: fails closed — never below the deltas. */
import { measureOf, openWalk, type TextWalk, walkText } from "../accounting/meter/estimate.js";
import { walkJsonString } from "../accounting/meter/walk-json-string.js";

/** Counts what flows by. Holds numbers only. */
export interface OutputMeter {
  /** Text of one delta; the empty string counts nothing. */
  text(text: string): void;
  /**
   * The same of a text that stands as a JSON string in `bytes`, valid UTF-8: `from` is behind its opening quote. False where its
   * closing quote is not at `to`; nothing is metered then.
   */
  json(bytes: Uint8Array, from: number, to: number): boolean;
  /** Tokens that text does not show, such as audio. */
  add(tokens: number): void;
  /** Tokens so far: the estimate of all text, never less than the number of deltas that had any. */
  readonly tokens: number;
}

/** So many characters are estimated for good. Words cut at the seam cost about one token in this many characters. */
const SEAM = 256;

/** Opens a meter for one stream or reply. */
export function openOutputMeter(): OutputMeter {
  let deltas = 0;
  let counted = 0;
  let extra = 0;
  /** The walk since the last seam. */
  let walk: TextWalk = openWalk();

  function walked(): void {
    deltas++;
    if (walk.units < SEAM) return;
    counted += measureOf(walk).tokens;
    walk = openWalk();
  }

  return {
    text(text) {
      if (text === "") return;
      walkText(walk, text);
      walked();
    },
    json(bytes, from, to) {
      const before = walk;
      walk = { ...before };
      if (walkJsonString(walk, bytes, from) !== to) {
        walk = before;
        return false;
      }
      if (to > from) walked();
      return true;
    },
    add(tokens) {
      extra += tokens;
    },
    get tokens() {
      return Math.max(deltas, counted + measureOf(walk).tokens) + extra;
    },
  };
}

/**
 * The stream side of dialects that never stream. Money path: fails closed — what should come as a stream all the same
 * passes to nobody and is taken for no usage, so that the call is counted at what is held.
 */
import type { StreamReader } from "../call/needs.js";
import { figuresComment } from "./figures-text.js";

const NOTHING = new Uint8Array();

/** Opens a reader that reads nothing. */
export function openWholeOnlyReader(): StreamReader {
  return {
    event: () => null,
    seen: {
      usage: null,
      usage_final: false,
      metered_output: 0,
      terminal: false,
      error: null,
      flags: ["stream_unexpected"],
      response_id: null,
      model: null,
      finish_reason: null,
    },
    cut: () => NOTHING,
    closing: (figures) => Buffer.from(figuresComment(figures)),
  };
}

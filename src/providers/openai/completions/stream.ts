/**
 * Reads one legacy Completions stream. Money path: fails closed — see chunk-stream.ts.
 * Source: https://platform.openai.com/docs/api-reference/completions/object (read November 2026): a chunk is a completion
 * with the next piece of `text` per choice.
 */
import type { ParsedRequest } from "../../../call/message.js";
import type { Quirks, StreamReader } from "../../../call/needs.js";
import type { OutputMeter } from "../../meter-output.js";
import type { Fields } from "../../request-fields.js";
import { openChunkReader } from "../chunk-stream.js";
import { type Shown, shownOf } from "./read-request.js";

/** Meters a choice's text. */
export function meterText(meter: OutputMeter, choice: Fields): void {
  if (typeof choice.text === "string") meter.text(choice.text);
}

/**
 * Takes a repeated prompt (`echo`) off the front of each answer, so that it does not count as output. Only what is the
 * prompt to the letter is taken off: a prompt of token ids is metered as output, which errs upwards.
 */
function openEcho(request: ParsedRequest, shown: Shown): (text: string, index: number) => string {
  const passed = new Map<number, number>();
  return (text, index) => {
    if (!shown.echo || !Number.isInteger(index) || index >= shown.choices) return text;
    const part = request.messages[Math.floor(index / shown.per_prompt)]?.parts[0];
    if (part?.kind !== "text") return text;
    const from = passed.get(index) ?? 0;
    const repeated = part.text.slice(from, from + text.length);
    if (!text.startsWith(repeated)) {
      passed.set(index, part.text.length);
      return text;
    }
    passed.set(index, from + repeated.length);
    return text.slice(repeated.length);
  };
}

/** Opens a reader for one attempt. */
export function openCompletionsReader(request: ParsedRequest, quirks?: Quirks): StreamReader {
  const shown = shownOf(request);
  const withoutEcho = openEcho(request, shown);
  const shape = {
    object: "text_completion",
    id_prefix: "cmpl-",
    repeats: false,
    choices: shown.choices,
    meter(meter: OutputMeter, choice: Fields, index: number) {
      if (typeof choice.text === "string") meter.text(withoutEcho(choice.text, index));
    },
    ending: () => ({ text: "", logprobs: null }),
  };
  return openChunkReader(request, shape, quirks);
}

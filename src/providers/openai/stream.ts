/**
 * Reads one Chat Completions stream. Money path: fails closed — see chunk-stream.ts.
 * Source: https://platform.openai.com/docs/api-reference/chat-streaming (read November 2026).
 */
import type { ParsedRequest } from "../../call/message.js";
import type { Quirks, StreamReader } from "../../call/needs.js";
import { isObject } from "../request-fields.js";
import { type ChunkShape, openChunkReader } from "./chunk-stream.js";
import { meterMessage } from "./deltas.js";

const CHAT: Omit<ChunkShape, "choices"> = {
  object: "chat.completion.chunk",
  id_prefix: "chatcmpl-",
  repeats: true,
  meter(meter, choice) {
    if (isObject(choice.delta)) meterMessage(meter, choice.delta);
    else if (isObject(choice.message)) meterMessage(meter, choice.message);
  },
  ending: (begun) => ({ delta: begun ? {} : { role: "assistant", content: "" } }),
};

/** Opens a reader for one attempt. */
export function openOpenAiReader(request: ParsedRequest, quirks?: Quirks): StreamReader {
  return openChunkReader(request, { ...CHAT, choices: request.choices }, quirks);
}

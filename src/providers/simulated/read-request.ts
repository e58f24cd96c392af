/**
 * Reads a request as a provider would: strictly, and in a way of its own (Bursar's parsers are what is being checked).
 */
import type { DialectName } from "../../call/needs.js";
import { parseBody } from "./fields.js";
import { Refusal } from "./refusal.js";
import type { SimulatedRequest } from "./request.js";
import { readCountTokens, readMessages } from "./request-anthropic.js";
import { type GeminiPath, readBatchEmbed, readEmbed, readGeminiCount, readGenerate } from "./request-gemini.js";
import { readChat, readCompletions, readEmbeddings } from "./request-openai.js";
import { readResponses } from "./request-responses.js";

/** What came in, as far as reading needs it. */
export interface RequestBytes {
  readonly dialect: DialectName;
  readonly path: GeminiPath;
  readonly body: Uint8Array;
}

/** Reads a body. `refusesMaxTokens` tells which models want `max_completion_tokens`. Throws Refusal. */
export function readRequest(given: RequestBytes, refusesMaxTokens: (model: string) => boolean): SimulatedRequest {
  const { dialect, path, body } = given;
  const fields = parseBody(body);
  switch (dialect) {
    case "openai-chat":
      return readChat(fields, path, refusesMaxTokens);
    case "openai-responses":
      return readResponses(fields, path);
    case "openai-completions":
      return readCompletions(fields, path);
    case "openai-embeddings":
      return readEmbeddings(fields, path);
    case "anthropic-messages":
      return readMessages(fields, path, body);
    case "anthropic-count-tokens":
      return readCountTokens(fields, path);
    case "gemini-generate":
      return readGenerate(fields, path);
    case "gemini-count-tokens":
      return readGeminiCount(fields, path);
    case "gemini-embed":
      return readEmbed(fields, path);
    case "gemini-batch-embed":
      return readBatchEmbed(fields, path);
    case "model-call":
      throw new Refusal(400, "model-call is no wire format.");
  }
}

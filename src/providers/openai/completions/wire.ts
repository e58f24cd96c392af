/**
 * OpenAI Completions (legacy), the wire format. Pure functions over bytes. Money path: fails closed.
 * Source: https://platform.openai.com/docs/api-reference/completions (read November 2026).
 */
import type { Dialect } from "../../../call/needs.js";
import { openSseSplitter } from "../../sse.js";
import { type CapFields, prepareOpenAi } from "../prepare.js";
import { readChoicesReply } from "../read-reply.js";
import { openAiErrorEvent, refuseOpenAi } from "../refuse.js";
import { readCompletionsRequest } from "./read-request.js";
import { meterText, openCompletionsReader } from "./stream.js";

const CAPS: CapFields = { names: ["max_tokens"], always: "max_tokens", missing: () => "max_tokens" };

/** The dialect of `/v1/completions`. */
export const openAiCompletions: Dialect = {
  name: "openai-completions",
  read: readCompletionsRequest,
  prepare: (request, changes, quirks = {}) => prepareOpenAi(request, changes, { caps: CAPS, quirks }),
  splitter: (eventBytesMax) => openSseSplitter({ eventBytesMax }),
  reader: openCompletionsReader,
  readReply: (body, quirks) => readChoicesReply(body, meterText, quirks),
  refuse: refuseOpenAi,
  errorEvent: openAiErrorEvent,
};

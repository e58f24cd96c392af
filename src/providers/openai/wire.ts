/**
 * OpenAI Chat Completions, the wire format. Pure functions over bytes. Money path: fails closed.
 * Source: https://platform.openai.com/docs/api-reference/chat (read November 2026).
 */
import type { Dialect, Quirks } from "../../call/needs.js";
import { openSseSplitter } from "../sse.js";
import { type CapFields, prepareOpenAi } from "./prepare.js";
import { readOpenAiReply } from "./read-reply.js";
import { readOpenAiRequest } from "./read-request.js";
import { openAiErrorEvent, refuseOpenAi } from "./refuse.js";
import { openOpenAiReader } from "./stream.js";

/** Reasoning models take their cap only as `max_completion_tokens`; every other server knows `max_tokens`. */
const REASONING_MODEL = /^(?:[^/]*\/)?(?:o\d|gpt-(?:[5-9]|\d\d))/i;

function capFields(quirks: Quirks): CapFields {
  return {
    names: ["max_completion_tokens", "max_tokens"],
    ...(quirks.cap_field === undefined ? {} : { always: quirks.cap_field }),
    missing: (model) => (REASONING_MODEL.test(model) ? "max_completion_tokens" : "max_tokens"),
  };
}

/** The dialect of `/v1/chat/completions`. */
export const openAiChat: Dialect = {
  name: "openai-chat",
  read: readOpenAiRequest,
  prepare: (request, changes, quirks = {}) => prepareOpenAi(request, changes, { caps: capFields(quirks), quirks }),
  splitter: (eventBytesMax) => openSseSplitter({ eventBytesMax }),
  reader: openOpenAiReader,
  readReply: readOpenAiReply,
  refuse: refuseOpenAi,
  errorEvent: openAiErrorEvent,
};

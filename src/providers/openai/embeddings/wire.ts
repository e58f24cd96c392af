/**
 * OpenAI Embeddings, the wire format: billed by its input, never a stream. Pure functions over bytes. Money path: fails
 * closed. Source: https://platform.openai.com/docs/api-reference/embeddings (read November 2026).
 */
import type { Dialect } from "../../../call/needs.js";
import { openSseSplitter } from "../../sse.js";
import { openWholeOnlyReader } from "../../whole-only.js";
import { prepareOpenAi } from "../prepare.js";
import { openAiErrorEvent, refuseOpenAi } from "../refuse.js";
import { readEmbeddingsReply } from "./read-reply.js";
import { readEmbeddingsRequest } from "./read-request.js";

/** The dialect of `/v1/embeddings`. */
export const openAiEmbeddings: Dialect = {
  name: "openai-embeddings",
  read: readEmbeddingsRequest,
  prepare: (request, changes) => prepareOpenAi(request, changes, {}),
  splitter: (eventBytesMax) => openSseSplitter({ eventBytesMax }),
  reader: openWholeOnlyReader,
  readReply: readEmbeddingsReply,
  refuse: refuseOpenAi,
  errorEvent: openAiErrorEvent,
};

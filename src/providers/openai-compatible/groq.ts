/** Groq. Money path: fails closed. */
import { OPENAI_PATHS } from "../openai/kind.js";
import type { ProviderKind } from "../provider.js";
import { type Fields, isObject } from "../request-fields.js";
import { HOSTED } from "./hosted.js";

/** A stream's usage stands in `x_groq` of its last chunk: https://console.groq.com/docs/api-reference (read November 2026). */
function usage(reply: Fields): unknown {
  return reply.usage ?? (isObject(reply.x_groq) ? reply.x_groq.usage : undefined);
}

/** Groq: https://console.groq.com/docs/openai (read November 2026). */
export const GROQ: ProviderKind = {
  ...HOSTED,
  kind: "groq",
  paths: { "openai-chat": OPENAI_PATHS["openai-chat"], "openai-responses": OPENAI_PATHS["openai-responses"] },
  base_url: "https://api.groq.com/openai/v1",
  quirks: { usage },
};

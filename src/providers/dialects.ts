import type { Dialect, DialectName } from "../call/needs.js";
import { anthropicCountTokensDialect } from "./anthropic/count-tokens.js";
import { anthropicMessagesDialect } from "./anthropic/wire.js";
import { geminiBatchEmbed, geminiEmbed } from "./gemini/embed.js";
import { geminiCountTokens, geminiGenerate } from "./gemini/wire.js";
import { openAiCompletions } from "./openai/completions/wire.js";
import { openAiEmbeddings } from "./openai/embeddings/wire.js";
import { openAiResponses } from "./openai/responses/wire.js";
import { openAiChat } from "./openai/wire.js";

/** Every wire format there is, one line each. */
const ALL: readonly Dialect[] = [
  openAiChat,
  openAiResponses,
  openAiCompletions,
  openAiEmbeddings,
  anthropicMessagesDialect,
  anthropicCountTokensDialect,
  geminiGenerate,
  geminiCountTokens,
  geminiEmbed,
  geminiBatchEmbed,
];

/** Wire formats by name. */
export const DIALECTS: ReadonlyMap<DialectName, Dialect> = new Map(ALL.map((dialect) => [dialect.name, dialect]));

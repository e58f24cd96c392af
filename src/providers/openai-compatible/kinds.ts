import { OPENAI_PATHS } from "../openai/kind.js";
import type { ProviderKind } from "../provider.js";
import { DEEPSEEK } from "./deepseek.js";
import { GROQ } from "./groq.js";
import { HOSTED } from "./hosted.js";
import { OLLAMA, VLLM } from "./local.js";
import { MISTRAL } from "./mistral.js";
import { OPENROUTER } from "./openrouter.js";
import { XAI } from "./xai.js";

/** Any server that speaks OpenAI's wire, by its base URL. */
const OPENAI_COMPATIBLE: ProviderKind = {
  ...HOSTED,
  kind: "openai-compatible",
  paths: OPENAI_PATHS,
  base_url: null,
  key: "optional",
};

/** Everyone who copied OpenAI's wire. */
export const COMPATIBLE_KINDS: readonly ProviderKind[] = [
  OPENROUTER,
  GROQ,
  DEEPSEEK,
  MISTRAL,
  XAI,
  OLLAMA,
  VLLM,
  OPENAI_COMPATIBLE,
];

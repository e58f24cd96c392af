import { OPENAI_PATHS } from "../openai/kind.js";
import type { ProviderKind } from "../provider.js";
import { HOSTED } from "./hosted.js";

/** Servers on one's own machine know the older name of the cap, whatever their model is called. */
const LOCAL = { ...HOSTED, paths: OPENAI_PATHS, key: "optional", quirks: { cap_field: "max_tokens" } } as const;

/** Ollama: https://docs.ollama.com/api/openai-compatibility (read November 2026). */
export const OLLAMA: ProviderKind = { ...LOCAL, kind: "ollama", base_url: "http://127.0.0.1:11434/v1" };

/** vLLM: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html (read November 2026). */
export const VLLM: ProviderKind = { ...LOCAL, kind: "vllm", base_url: "http://127.0.0.1:8000/v1" };

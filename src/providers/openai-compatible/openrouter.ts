/**
 * OpenRouter. Money path: fails closed — its routing fields (`models`, `provider`, `plugins`, `transforms`) choose who runs
 * and what it costs, so they stay unknown to the dialect and hard budgets refuse them.
 */
import type { Quirks } from "../../call/needs.js";
import { OPENAI_PATHS } from "../openai/kind.js";
import type { ProviderKind } from "../provider.js";
import type { Fields } from "../request-fields.js";
import { HOSTED } from "./hosted.js";
import { ownUsage } from "./told-usage.js";

/**
 * With a key of one's own (`is_byok`) `cost` is only OpenRouter's fee, and the model is billed elsewhere: no cost is told
 * then. Source: https://openrouter.ai/docs/use-cases/usage-accounting (read November 2026).
 */
function usage(reply: Fields): unknown {
  const own = ownUsage(reply);
  return own?.is_byok === true ? { ...own, cost: null } : reply.usage;
}

const QUIRKS: Quirks = { usage };

/** How an application names itself: https://openrouter.ai/docs/app-attribution (read November 2026). Without effect on the bill. */
const ATTRIBUTION: ReadonlySet<string> = new Set(["http-referer", "x-title"]);

/** OpenRouter: https://openrouter.ai/docs/api-reference/overview (read November 2026). */
export const OPENROUTER: ProviderKind = {
  ...HOSTED,
  kind: "openrouter",
  paths: OPENAI_PATHS,
  base_url: "https://openrouter.ai/api/v1",
  headers_allowed: (name) => ATTRIBUTION.has(name),
  quirks: QUIRKS,
};

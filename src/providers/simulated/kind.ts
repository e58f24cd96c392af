import { ANTHROPIC_PATHS } from "../anthropic/kind.js";
import { GEMINI_PATHS } from "../gemini/kind.js";
import { OPENAI_PATHS } from "../openai/kind.js";
import type { PathOf, ProviderKind } from "../provider.js";
import { simulatedHeaderAllowed, simulatedUnbilled } from "./open-simulated.js";

/** Its paths from the root: Gemini's lie beside `/v1`, not below it. */
function below(prefix: string, paths: Readonly<Record<string, PathOf>>): Record<string, PathOf> {
  const entries = Object.entries(paths);
  return Object.fromEntries(entries.map(([dialect, path]): [string, PathOf] => [dialect, (...asked) => prefix + path(...asked)]));
}

/** The simulated provider: every wire format, nobody pays. */
export const SIMULATED: ProviderKind = {
  kind: "simulated",
  paths: { ...below("/v1", { ...OPENAI_PATHS, ...ANTHROPIC_PATHS }), ...below("/v1beta", GEMINI_PATHS) },
  base_url: null,
  base_of: (url) => url.replace(/\/+$/, "").replace(/\/v1$/, ""),
  key: "none",
  authorize: () => undefined,
  headers_allowed: simulatedHeaderAllowed,
  query_allowed: (name) => name === "beta" || name === "alt",
  unbilled: simulatedUnbilled,
  simulated: true,
};

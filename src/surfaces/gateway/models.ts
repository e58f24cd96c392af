/**
 * The list of models, answered by Bursar itself: what a configured provider serves and the key may use. Nothing is sent
 * upstream and nothing is held. Shapes, read November 2026: https://platform.openai.com/docs/api-reference/models,
 * https://platform.claude.com/docs/en/api/models-list, https://ai.google.dev/api/models. Money path: fails closed — a
 * model that the key may not use is not there.
 */
import { BursarError } from "../../accounting/errors.js";
import type { KeyIdentity } from "../../call/identify.js";
import type { DialectName } from "../../call/needs.js";
import { mayUseModel } from "../../call/permitted.js";
import type { ServedModel } from "../served-models.js";
import type { Routed } from "./route.js";

/** Wire formats in the paths of each client family. */
type Family = "openai" | "anthropic" | "gemini";

/** Anthropic's list stands under the same path as OpenAI's; its clients always name a version. */
function familyOf(routed: ModelsRouted, headers: Headers): Family {
  if (routed.dialect.startsWith("gemini-")) return "gemini";
  return headers["anthropic-version"] === undefined ? "openai" : "anthropic";
}

type ModelsRouted = Extract<Routed, { kind: "models" }>;
type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** When a model was released is not known here; Anthropic documents the epoch for that. */
const UNKNOWN_RELEASE = "1970-01-01T00:00:00Z";

/** What Gemini calls the routes of a model. */
const GEMINI_METHODS: Readonly<Partial<Record<DialectName, readonly string[]>>> = {
  "gemini-generate": ["generateContent", "streamGenerateContent"],
  "gemini-count-tokens": ["countTokens"],
  "gemini-embed": ["embedContent"],
  "gemini-batch-embed": ["batchEmbedContents"],
};

function shown(model: ServedModel, family: Family): Readonly<Record<string, unknown>> {
  const { id, provider, context_window, output_max } = model;
  if (family === "openai") return { id, object: "model", created: 0, owned_by: provider };
  if (family === "anthropic") return { type: "model", id, display_name: id, created_at: UNKNOWN_RELEASE };
  return {
    name: `models/${id}`,
    displayName: id,
    ...(context_window === null ? {} : { inputTokenLimit: context_window }),
    ...(output_max === null ? {} : { outputTokenLimit: output_max }),
    supportedGenerationMethods: model.dialects.flatMap((dialect) => GEMINI_METHODS[dialect] ?? []),
  };
}

function listOf(models: readonly ServedModel[], family: Family): Readonly<Record<string, unknown>> {
  const all = models.map((model) => shown(model, family));
  if (family === "openai") return { object: "list", data: all };
  if (family === "gemini") return { models: all };
  return { data: all, has_more: false, first_id: models[0]?.id ?? null, last_id: models.at(-1)?.id ?? null };
}

/** The body that answers a list of models, or one of them. Throws BursarError `model_unknown`. */
export function modelsBody(of: {
  readonly routed: ModelsRouted;
  readonly headers: Headers;
  readonly key: KeyIdentity;
  readonly models: readonly ServedModel[];
}): Uint8Array {
  const { routed, key } = of;
  const family = familyOf(routed, of.headers);
  const inFamily = (model: ServedModel): boolean => model.dialects.some((dialect) => dialect.startsWith(`${family}-`));
  const models = of.models.filter((model) => inFamily(model) && mayUseModel(key, model.canonical));
  if (routed.id === null) return Buffer.from(JSON.stringify(listOf(models, family)));
  const wanted = routed.id.trim().toLowerCase();
  const found = models.find((model) => model.id.toLowerCase() === wanted || model.canonical === wanted);
  if (found !== undefined) return Buffer.from(JSON.stringify(shown(found, family)));
  const message = `No model ${JSON.stringify(routed.id.slice(0, 200))} is served to this key in this dialect; GET the list without it.`;
  throw new BursarError("model_unknown", message);
}

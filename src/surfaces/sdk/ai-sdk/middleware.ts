/**
 * The AI SDK's language model middleware (specification v3): a call of any provider's model is held before it is made,
 * metered while it flows, cut when the money is gone and settled. Money path: fails closed.
 */

import { BursarError } from "../../../accounting/errors.js";
import type { UpstreamReply } from "../../../call/needs.js";
import { UpstreamFailure } from "../../../call/needs.js";
import type { CallReply } from "../../../call/reply.js";
import { figuresJson } from "../../../providers/figures-text.js";
import { typedError } from "../errors.js";
import type { WholeAnswer } from "../model-call/model-call-events.js";
import { runModelCall, type SendModelCall } from "../model-call/run-model-call.js";
import { replyNow } from "../reply-now.js";
import type { SdkCore } from "../tracked-fetch.js";
import { untilAborted } from "../until-aborted.js";
import { partEvents } from "./part-events.js";
import { openPartTable, streamOf } from "./part-stream.js";
import { replyOfError } from "./provider-error.js";
import { neutralOf, thinkingBudget } from "./v3-call.js";
import { contentOf } from "./v3-parts.js";
import type { V3Call, V3Generated, V3Model, V3Part, V3Streamed } from "./v3-shapes.js";
import { toldUsage } from "./v3-usage.js";

/** What `wrapLanguageModel({ model, middleware })` takes. */
export interface AiMiddleware {
  readonly specificationVersion: "v3";
  wrapGenerate<Call extends V3Call, Generated extends V3Generated, Streamed>(options: {
    readonly params: Call;
    readonly model: V3Model<Call, Generated, Streamed>;
  }): Promise<Generated>;
  wrapStream<Call extends V3Call, Part extends V3Part, Streamed extends V3Streamed<Part>, Generated>(options: {
    readonly params: Call;
    readonly model: V3Model<Call, Generated, Streamed>;
  }): Promise<Streamed>;
}

/** A call on its way, and the error of the provider's own that ended it. */
interface Going {
  error: unknown;
}

/** `openai.chat`, `anthropic.messages`, `google.generative-ai`: the provider comes first. The AI gateway's ids name it themselves. */
function servedBy(core: SdkCore, model: { readonly provider: string; readonly modelId: string }) {
  const [word = ""] = model.provider.split(".");
  const slash = model.modelId.indexOf("/");
  if (word !== "gateway" || slash <= 0) return { provider: core.providerNamed(word), model: model.modelId };
  return { provider: core.providerNamed(model.modelId.slice(0, slash)), model: model.modelId.slice(slash + 1) };
}

/** The call with the admitted cap: what Anthropic's provider adds for thinking is inside it. */
function capped<Call extends V3Call>(call: Call, of: { cap: number | null; thinking: number; signal: AbortSignal }): Call {
  const { cap, thinking, signal } = of;
  if (cap === null) return { ...call, abortSignal: signal };
  if (cap <= thinking) {
    const message = `A thinking budget of ${thinking} tokens does not fit into the ${cap} output tokens that were admitted. Set maxOutputTokens.`;
    throw new UpstreamFailure("connect", message);
  }
  return { ...call, maxOutputTokens: cap - thinking, abortSignal: signal };
}

function run(
  core: SdkCore,
  of: { params: V3Call; model: V3Model<never, unknown, unknown>; stream: boolean; send: SendModelCall },
) {
  const { params, stream, send } = of;
  const served = servedBy(core, of.model);
  const signal = params.abortSignal ?? new AbortController().signal;
  const call = neutralOf({ call: params, provider: served.provider.priced_as, model: served.model, stream });
  return untilAborted(
    runModelCall(core, { call, provider: served.provider, headers: params.headers ?? {}, send, signal }),
    params.abortSignal,
  );
}

/** Throws what a call that has no answer came to: the provider's own error where it had one, else Bursar's. */
function thrown(reply: CallReply, going: Going): never {
  if (going.error !== undefined && !(going.error instanceof UpstreamFailure)) throw going.error;
  if (reply.kind === "refused") throw typedError(reply.error);
  throw new BursarError("internal", "The call was answered, but its answer is not there.");
}

async function generate<Call extends V3Call, Generated extends V3Generated>(
  core: SdkCore,
  of: { params: Call; model: V3Model<Call, Generated, unknown> },
): Promise<Generated> {
  const { params, model } = of;
  const provider = servedBy(core, model).provider.priced_as;
  const thinking = thinkingBudget(provider, params);
  const going: Going & { generated: Generated | null } = { error: undefined, generated: null };
  const tier = tierAsked(params);
  const send: SendModelCall = async (cap, signal) => {
    const call = capped(params, { cap, thinking, signal });
    try {
      const generated = await model.doGenerate(call);
      going.generated = generated;
      going.error = undefined;
      return replyNow(200, { "content-type": "application/json" }, JSON.stringify(answerOf(generated, tier)));
    } catch (error) {
      going.error = error;
      return replyOfError(error, signal);
    }
  };
  const reply = await run(core, { params, model, stream: false, send });
  const { generated } = going;
  if (reply.kind !== "whole" || generated === null || going.error !== undefined) return thrown(reply, going);
  const bursar: unknown = JSON.parse(figuresJson(reply.facts.figures));
  return { ...generated, providerMetadata: { ...generated.providerMetadata, bursar } };
}

function tierAsked(params: V3Call): string | null {
  const openai = (params.providerOptions?.openai ?? params.providerOptions?.azure) as { serviceTier?: unknown } | undefined;
  return typeof openai?.serviceTier === "string" ? openai.serviceTier : null;
}

function answerOf(generated: V3Generated, tier: string | null): WholeAnswer {
  const { texts, searches } = contentOf(generated.content);
  const { usage, providerMetadata: metadata, response } = generated;
  return {
    texts,
    usage: toldUsage({ usage, metadata, tier, searches }),
    id: response?.id ?? null,
    model: response?.modelId ?? null,
  };
}

async function stream<Call extends V3Call, Part extends V3Part, Streamed extends V3Streamed<Part>>(
  core: SdkCore,
  of: { params: Call; model: V3Model<Call, unknown, Streamed> },
): Promise<Streamed> {
  const { params, model } = of;
  const provider = servedBy(core, model).provider.priced_as;
  const thinking = thinkingBudget(provider, params);
  const tier = tierAsked(params);
  const going: Going & { streamed: Streamed | null } = { error: undefined, streamed: null };
  const table = openPartTable<Part>();
  const send: SendModelCall = async (cap, signal): Promise<UpstreamReply> => {
    const call = capped(params, { cap, thinking, signal });
    try {
      const streamed = await model.doStream(call);
      going.streamed = streamed;
      going.error = undefined;
      const body = partEvents({ stream: streamed.stream, table, tier, signal });
      return { status: 200, headers: { "content-type": "text/event-stream" }, body };
    } catch (error) {
      going.error = error;
      return replyOfError(error, signal);
    }
  };
  const reply = await run(core, { params, model, stream: true, send });
  const { streamed } = going;
  if (reply.kind !== "stream" || streamed === null) return thrown(reply, going);
  return { ...streamed, stream: streamOf({ body: reply.body, table, signal: params.abortSignal }) };
}

/** Opens the middleware over a core. */
export function openAiMiddleware(core: SdkCore): AiMiddleware {
  return {
    specificationVersion: "v3",
    wrapGenerate: (options) => generate(core, options),
    wrapStream: (options) => stream(core, options),
  };
}

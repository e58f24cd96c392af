/**
 * A LangChain callback handler: a run is held before its model is called, and settled when it ends. It stands beside the
 * connection, not in it, so it cannot shorten an answer or cut a stream; `bursar.fetch` can. Money path: fails closed — a
 * run that is not admitted throws where it begins, and one that never ends is counted in full.
 */
import { BursarError } from "../../../accounting/errors.js";
import { UpstreamFailure, type UpstreamReply } from "../../../call/needs.js";
import { isObject } from "../../../providers/request-fields.js";
import { typedError } from "../errors.js";
import { runModelCall, type SendModelCall } from "../model-call/run-model-call.js";
import { replyNow } from "../reply-now.js";
import type { SdkCore } from "../tracked-fetch.js";
import { upstreamFailureOf } from "../upstream-failure.js";
import { langChainAnswer } from "./langchain-answer.js";
import { type LangChainRun, neutralOf } from "./langchain-call.js";

/** The handler's shape, as `callbacks: [handler]` takes it. */
export interface LangChainHandler {
  readonly name: string;
  readonly awaitHandlers: true;
  readonly raiseError: true;
  handleChatModelStart(
    llm: unknown,
    messages: readonly (readonly unknown[])[],
    runId: string,
    ...more: readonly unknown[]
  ): Promise<void>;
  handleLLMStart(llm: unknown, prompts: readonly string[], runId: string, ...more: readonly unknown[]): Promise<void>;
  handleLLMNewToken(token: string, at: unknown, runId: string, ...more: readonly unknown[]): void;
  handleLLMEnd(result: unknown, runId: string, ...more: readonly unknown[]): Promise<void>;
  handleLLMError(error: unknown, runId: string, ...more: readonly unknown[]): Promise<void>;
}

/** Handlers over one core, and their end. */
export interface LangChainCallbacks {
  handler(): LangChainHandler;
  /** Counts in full what has not ended. */
  close(): Promise<void>;
}

/** A run between its start and its end. */
interface Running {
  readonly tier: string | null;
  /** What the model came to: the road is waiting for it. */
  answer(reply: UpstreamReply): void;
  fail(failure: UpstreamFailure): void;
  /** No attempt after this one: LangChain alone sends. */
  readonly last: AbortController;
  readonly settled: Promise<unknown>;
  sign: () => void;
  readonly stop: (failure: UpstreamFailure) => void;
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return isObject(value) ? value : {};
}

/** A cap that the road would send and a callback cannot: refused with what helps. */
function notCapped(cap: number): BursarError {
  const message = `This run may give only ${cap} output tokens, and a callback cannot shorten it. Set maxTokens: ${cap} on the model, or use bursar.fetch.`;
  return new BursarError("budget_exceeded", message, { requested: cap, unit: "tokens" });
}

/**
 * The signal of the run's options. Where a stream is left between two pieces LangChain does not go on to its own error, so
 * that no callback is called (dist/utils/stream.js of @langchain/core 1.4): only the signal tells.
 */
function signalOf(more: readonly unknown[]): AbortSignal | null {
  const { signal } = fieldsOf(fieldsOf(more[1]).options);
  return signal instanceof AbortSignal ? signal : null;
}

const silent = (): UpstreamFailure => new UpstreamFailure("timeout", "The run never ended.");

interface Start {
  readonly run: LangChainRun;
  readonly provider: ReturnType<SdkCore["providerNamed"]>;
  readonly model: string;
}

function startOf(core: SdkCore, of: { messages: readonly unknown[]; more: readonly unknown[] }): Start {
  const [, extra, , metadata] = of.more;
  const parameters = fieldsOf(fieldsOf(extra).invocation_params);
  const about = fieldsOf(metadata);
  const provider = core.providerNamed(String(about.ls_provider ?? "openai"));
  const model = String(about.ls_model_name ?? parameters.model ?? parameters.model_name ?? "");
  const price = core.prices.resolve({ provider: provider.priced_as, model, at: Date.now() });
  return { run: { messages: of.messages, parameters, metadata: about, outputMax: price?.output_max ?? null }, provider, model };
}

/** Takes the hold; resolves once it is durable, rejects with the refusal. */
async function begin(core: SdkCore, start: Start, ended: () => void): Promise<Running> {
  const call = neutralOf(start.run, start.model);
  const last = new AbortController();
  let answer: Running["answer"] = () => undefined;
  let fail: Running["fail"] = () => undefined;
  const answered = new Promise<UpstreamReply>((resolve, reject) => {
    answer = resolve;
    fail = reject;
  });
  answered.catch(() => {
    // The road has it, or has given the run up.
  });
  let refusal: BursarError | null = null;
  let timer: NodeJS.Timeout | undefined;
  const stop = (failure: UpstreamFailure): void => {
    last.abort();
    fail(failure);
  };
  const sign = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => stop(silent()), core.firstByteMs);
    timer.unref();
  };
  let settled: Promise<unknown> = Promise.resolve();
  await new Promise<void>((resolve, reject) => {
    const send: SendModelCall = (cap) => {
      if (cap !== null && cap !== call.output_cap) {
        refusal = notCapped(cap);
        last.abort();
        return Promise.reject(new UpstreamFailure("connect", refusal.message));
      }
      sign();
      resolve();
      return answered;
    };
    settled = runModelCall(core, { call, provider: start.provider, headers: {}, send, signal: last.signal })
      .then((reply) => {
        // After the start these change nothing any more.
        if (reply.kind === "refused") reject(typedError(refusal ?? reply.error));
        else resolve();
      }, reject)
      .finally(() => {
        clearTimeout(timer);
        ended();
      });
  });
  return { tier: call.service_tier, answer, fail, last, settled, sign, stop };
}

/** Status of an error as clients carry it. */
function statusOf(error: unknown): number | null {
  const { status, statusCode, response } = fieldsOf(error);
  const found = [status, statusCode, fieldsOf(response).status].find((each) => typeof each === "number");
  return typeof found === "number" && found >= 400 ? found : null;
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && /abort/i.test(`${error.name} ${error.message}`);
}

/** The runs between their start and their end: one entry each. */
function openRuns(core: SdkCore) {
  const running = new Map<string, Running>();
  const known = new Set<string>();

  function over(runId: string): void {
    running.delete(runId);
    known.delete(runId);
  }

  async function started(runId: string, of: { messages: readonly unknown[]; more: readonly unknown[] }): Promise<void> {
    // A second handler, of the model and of the call, says the same run again.
    if (known.has(runId)) return;
    const signal = signalOf(of.more);
    signal?.throwIfAborted();
    known.add(runId);
    const left = (): void => running.get(runId)?.stop(new UpstreamFailure("aborted", "The run was aborted."));
    try {
      const run = await begin(core, startOf(core, of), () => {
        signal?.removeEventListener("abort", left);
        over(runId);
      });
      running.set(runId, run);
      signal?.addEventListener("abort", left, { once: true });
      if (signal?.aborted !== true) return;
      run.stop(new UpstreamFailure("connect", "The run was aborted before it was sent."));
      await run.settled;
      signal.throwIfAborted();
    } catch (error) {
      over(runId);
      throw error;
    }
  }

  async function ended(runId: string, end: (run: Running) => void): Promise<void> {
    const run = running.get(runId);
    if (run === undefined) return;
    run.last.abort();
    end(run);
    await run.settled;
  }

  return { running, started, ended };
}

/** Opens handlers over a core. Holds one entry per run that has not ended. */
export function openLangChainCallbacks(core: SdkCore): LangChainCallbacks {
  const { running, started, ended } = openRuns(core);
  return {
    handler: () => ({
      name: "bursar",
      awaitHandlers: true,
      raiseError: true,
      handleChatModelStart: (_llm, messages, runId, ...more) => started(runId, { messages: messages.flat(), more }),
      handleLLMStart: (_llm, prompts, runId, ...more) => started(runId, { messages: prompts, more }),
      handleLLMNewToken: (_token, _at, runId) => running.get(runId)?.sign(),
      handleLLMEnd: (result, runId, ...more) =>
        ended(runId, (run) => {
          if (fieldsOf(more[2]).cached === true) return run.fail(new UpstreamFailure("connect", "LangChain's cache answered."));
          const answer = JSON.stringify(langChainAnswer(result, run.tier));
          run.answer(replyNow(200, { "content-type": "application/json" }, answer));
        }),
      handleLLMError: (error, runId) =>
        ended(runId, (run) => {
          const status = statusOf(error);
          if (status === null) run.fail(upstreamFailureOf(error, isAbort(error) ? "aborted" : null));
          else run.answer(replyNow(status, {}, "{}"));
        }),
    }),
    async close() {
      const left = [...running.values()];
      for (const run of left) run.stop(silent());
      await Promise.all(left.map((run) => run.settled));
    },
  };
}

/** The provider in the simulated world: takes requests, plays their scripts in virtual time, and writes its own bill. */
import {
  type CallSignal,
  type Upstream,
  UpstreamFailure,
  type UpstreamReply,
  type UpstreamRequest,
} from "../../src/call/needs.js";
import type { Operations } from "./operations.js";
import type { Scheduler } from "./scheduler.js";
import { billOf, type Fragment, type Script, type Scripts } from "./script.js";
import type { Wire } from "./wires.js";

/** One request as the provider saw it. */
export interface Dispatch {
  readonly attempt_id: string;
  /** Process that sent it. */
  readonly owner: number;
  readonly script: Script;
  /** Output tokens produced, whether they arrived or not. */
  produced: number;
  /** Tokens of the last fragment: on their way when nobody listens any more. */
  inFlight: number;
  /** Every fragment: when it was asked for, and its tokens. */
  readonly sent: { readonly at: number; readonly tokens: number }[];
  /** The usage was read by the road. */
  told: boolean;
  /** The road gave it up. */
  aborted: boolean;
}

/** What the provider charges for a request, so far. */
export function chargeFor({ script, produced }: Dispatch): bigint {
  return script.bills ? billOf(script.model, { fresh: script.fresh, cached: script.cached, output: produced }) : 0n;
}

export interface ProviderOptions {
  readonly scheduler: Scheduler;
  readonly scripts: Scripts;
  /** Silence after which the connection is given up, for head and body. */
  readonly timeoutMs: number;
  readonly operations: Operations;
  /** Told of each request before a byte of it is on its way. */
  readonly onSend: (call: Calling) => void;
}

/** The call that a request belongs to. */
export interface Calling {
  call_id: string;
  readonly estimated: number;
  readonly dispatches: Dispatch[];
}

/** Output of a request without a cap: the provider's own bound. */
const CAP_OF_ITS_OWN = 4_096;

const UNBILLED = new Set([400, 429, 503, 529]);

function aborted(): UpstreamFailure {
  return new UpstreamFailure("aborted", "The call was given up.");
}

/** The body of a reply, fragment by fragment. Ends with its process: then nothing more is ever heard of it. */
function bodyOf(options: ProviderOptions, dispatch: Dispatch, signal: CallSignal): AsyncIterable<Uint8Array> {
  const { scheduler, timeoutMs } = options;
  const { script, owner } = dispatch;
  let index = 0;

  function next(): Promise<IteratorResult<Uint8Array>> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(aborted());
        return;
      }
      const fragment = script.fragments[index++];
      const { run, waitMs } = coming(fragment, { resolve, reject });
      const stop = scheduler.after(waitMs, owner, () => {
        signal.removeEventListener("abort", onAbort);
        run();
      });
      function onAbort(): void {
        stop();
        dispatch.aborted = true;
        reject(aborted());
      }
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  function coming(
    fragment: Fragment | undefined,
    to: { resolve: (result: IteratorResult<Uint8Array>) => void; reject: (error: unknown) => void },
  ): { run: () => void; waitMs: number } {
    if (fragment !== undefined) {
      // It is produced and billed whether anybody takes it or not.
      dispatch.produced += fragment.tokens;
      dispatch.sent.push({ at: scheduler.now, tokens: fragment.tokens });
      dispatch.inFlight = fragment.tokens;
      const run = (): void => {
        options.operations.wire += 1;
        dispatch.told ||= fragment.tells;
        to.resolve({ done: false, value: fragment.bytes });
      };
      return { run, waitMs: fragment.waitMs };
    }
    if (script.end === "done") return { run: () => to.resolve({ done: true, value: undefined }), waitMs: 0.1 };
    const kind = script.end === "hang" ? "timeout" : "reset";
    const failure = new UpstreamFailure(kind, `The stream ended: ${script.end}.`);
    return { run: () => to.reject(failure), waitMs: kind === "timeout" ? timeoutMs : 0.5 };
  }

  return {
    [Symbol.asyncIterator]: () => ({
      next,
      async return() {
        dispatch.aborted = true;
        return { done: true as const, value: undefined };
      },
    }),
  };
}

function answer(options: ProviderOptions, dispatch: Dispatch, signal: CallSignal): Promise<UpstreamReply> {
  const { scheduler, timeoutMs } = options;
  const { script, owner } = dispatch;
  const { status, headers } = script;
  return new Promise((resolve, reject) => {
    const quiet = script.end === "silent";
    scheduler.after(quiet ? timeoutMs : script.headMs, owner, () => {
      options.operations.wire += 1;
      dispatch.produced += script.hidden;
      if (signal.aborted) reject(aborted());
      else if (script.end === "connect") reject(new UpstreamFailure("connect", "The connection was refused."));
      else if (quiet) reject(new UpstreamFailure("timeout", "No answer came."));
      else resolve({ status, headers, body: bodyOf(options, dispatch, signal) });
    });
  });
}

/** The provider as one call of one process sees it. Nothing reaches it before `onSend` has seen it. */
export function upstreamFor(
  options: ProviderOptions,
  calling: Calling,
  of: { owner: number; model: string; wire: Wire },
): Upstream {
  return {
    name: "scripted",
    simulated: false,
    unbilled: (status) => UNBILLED.has(status),
    headers_allowed: () => false,
    async send(request: UpstreamRequest, signal) {
      // Sending takes a moment, in which the process can die: the hold is then there and nothing was billed.
      await new Promise<void>((resolve) => options.scheduler.after(0.2, of.owner, resolve));
      options.operations.wire += 1;
      const body = JSON.parse(Buffer.from(request.body).toString("utf8")) as Record<string, unknown>;
      const cap = of.wire.capOf(body) ?? CAP_OF_ITS_OWN;
      const { estimated, call_id, dispatches } = calling;
      const { stream } = request;
      const script = options.scripts.write({ wire: of.wire, model: of.model, stream, cap, estimated });
      const attempt_id = `${call_id}.${dispatches.length + 1}`;
      const so_far = { produced: 0, inFlight: 0, sent: [], told: false, aborted: false };
      const dispatch: Dispatch = { attempt_id, owner: of.owner, script, ...so_far };
      dispatches.push(dispatch);
      options.onSend(calling);
      return answer(options, dispatch, signal);
    },
  };
}

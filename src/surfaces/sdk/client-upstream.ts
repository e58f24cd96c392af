/** The wrapped client's own connection as an upstream. Money path: fails closed — what is not proof of "not sent" is unknown. */
import type { RequestTarget } from "../../call/message.js";
import type { CallSignal, Quirks, Upstream, UpstreamReply } from "../../call/needs.js";
import { upstreamFailureOf } from "./upstream-failure.js";
import { withModel } from "./wire-target.js";

/** Where and how the wrapped client would have sent this one request. */
export interface ClientConnection {
  readonly provider: string;
  readonly url: string;
  readonly target: RequestTarget;
  /** The client's own headers, credential included; they go where the client would have sent them and nowhere else. */
  readonly headers: Headers;
  readonly fetch: typeof globalThis.fetch;
  readonly unbilled: (status: number) => boolean;
  readonly quirks?: Quirks;
  readonly firstByteMs: number;
}

/** What fetch has already undone, so that it no longer holds for the body. */
const UNDONE = new Set(["content-encoding", "content-length", "transfer-encoding", "connection"]);

/**
 * The body, until the signal aborts. It is left by cancelling it: a fetch hears its signal only while its own Request has
 * not been collected (see callers-signal.ts), and a provider that went on unheard would go on billing.
 */
async function* bodyOf(response: Response, signal: CallSignal): AsyncIterable<Uint8Array> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  const leave = (): void => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", leave, { once: true });
  try {
    if (signal.aborted) throw new Error("The call was aborted.");
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) throw new Error("The call was aborted.");
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw upstreamFailureOf(error, signal.aborted ? "aborted" : null);
  } finally {
    signal.removeEventListener("abort", leave);
    leave();
  }
}

/** Sends by the client's own fetch. Only reachable inside an admitted attempt. */
export function clientUpstream(connection: ClientConnection): Upstream {
  const { provider, target, unbilled, quirks } = connection;
  return {
    name: provider,
    simulated: false,
    unbilled,
    headers_allowed: () => false,
    ...(quirks === undefined ? {} : { quirks }),
    async send(request, signal): Promise<UpstreamReply> {
      const headers = new Headers(connection.headers);
      for (const name of ["content-length", "host", "connection"]) headers.delete(name);
      const slow = AbortSignal.timeout(connection.firstByteMs);
      // The first-byte timeout ends with the head; the body runs under the caller's signal alone.
      const head = new AbortController();
      const abort = (): void => head.abort();
      signal.addEventListener("abort", abort, { once: true });
      slow.addEventListener("abort", abort, { once: true });
      try {
        const body = request.body as Uint8Array<ArrayBuffer>;
        const init = { method: "POST", headers, body, signal: head.signal };
        const response = await connection.fetch(withModel(connection.url, target, request.model), init);
        slow.removeEventListener("abort", abort);
        const passed = [...response.headers].filter(([name]) => !UNDONE.has(name));
        return { status: response.status, headers: Object.fromEntries(passed), body: bodyOf(response, signal) };
      } catch (error) {
        throw upstreamFailureOf(error, signal.aborted ? "aborted" : slow.aborted ? "timeout" : null);
      }
    },
  };
}

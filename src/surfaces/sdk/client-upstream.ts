/** The wrapped client's own connection as an upstream. Money path: fails closed — what is not proof of "not sent" is unknown. */
import { type Upstream, UpstreamFailure, type UpstreamReply } from "../../call/needs.js";

/** Where and how the wrapped client would have sent this one request. */
export interface ClientConnection {
  readonly provider: string;
  readonly url: string;
  /** The client's own headers, credential included; they go where the client would have sent them and nowhere else. */
  readonly headers: Headers;
  readonly fetch: typeof globalThis.fetch;
  readonly unbilled: (status: number) => boolean;
  readonly firstByteMs: number;
}

/** Causes of a fetch that never reached the server: nothing can have been billed. */
const NEVER_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT", "EHOSTUNREACH", "ENETUNREACH"]);

function causeCode(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = (at as NodeJS.ErrnoException).code;
    if (typeof code === "string") return code;
  }
  return "";
}

function failureOf(error: unknown, aborted: "timeout" | "aborted" | null): UpstreamFailure {
  const code = causeCode(error);
  const kind = aborted ?? (NEVER_SENT.has(code) ? "connect" : "reset");
  const text = error instanceof Error ? error.message : String(error);
  return new UpstreamFailure(kind, code === "" ? text : `${text} (${code})`, { cause: error });
}

async function* bodyOf(response: Response, signal: AbortSignal): AsyncIterable<Uint8Array> {
  if (response.body === null) return;
  try {
    for await (const chunk of response.body) yield chunk;
  } catch (error) {
    throw failureOf(error, signal.aborted ? "aborted" : null);
  }
}

/** Sends by the client's own fetch. Only reachable inside an admitted attempt. */
export function clientUpstream(connection: ClientConnection): Upstream {
  return {
    name: connection.provider,
    simulated: false,
    unbilled: connection.unbilled,
    headers_allowed: () => false,
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
        const init = { method: "POST", headers, body: request.body as Uint8Array<ArrayBuffer>, signal: head.signal };
        const response = await connection.fetch(connection.url, init);
        slow.removeEventListener("abort", abort);
        return { status: response.status, headers: Object.fromEntries(response.headers), body: bodyOf(response, signal) };
      } catch (error) {
        throw failureOf(error, signal.aborted ? "aborted" : slow.aborted ? "timeout" : null);
      }
    },
  };
}

import { BursarError } from "../../accounting/errors.js";
import type { CallReply } from "../../call/reply.js";
import { replyHeaders, statusOf } from "../reply-headers.js";

/** A call's answer as a client's fetch gives it. Aborting breaks the body off, as fetch does; the call settles all the same. */
export function responseOf(reply: CallReply, signal: AbortSignal): Response {
  const status = statusOf(reply, undefined);
  const headers = replyHeaders(reply);
  if (reply.kind !== "stream") return new Response(reply.body as Uint8Array<ArrayBuffer>, { status, headers });
  const iterator = reply.body[Symbol.asyncIterator]();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await iterator.next();
      if (signal.aborted) controller.error(signal.reason);
      else if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
    async cancel() {
      await iterator.return?.();
    },
  });
  return new Response(body, { status, headers });
}

/** An error as the answer to a request that was not sent. */
export function refusalResponse(error: BursarError): Response {
  const { message, code, status } = error;
  const body = JSON.stringify({ type: "error", error: { message, type: code, code, param: null } });
  return new Response(body, { status, headers: { "content-type": "application/json", "x-should-retry": "false" } });
}

/** Refuses by name what a client would send past the ledger. */
export function notTracked(url: URL): Response {
  const message = `${url.pathname} is not metered by Bursar yet, so a wrapped client does not send it. Use an unwrapped client for it.`;
  return refusalResponse(new BursarError("not_built", message));
}

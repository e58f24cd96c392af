/** Errors of an AI SDK provider as an upstream's. Money path: fails closed — only a status proves what was billed. */
import { UpstreamFailure, type UpstreamReply } from "../../../call/needs.js";
import { isObject } from "../../../providers/request-fields.js";
import { replyNow } from "../reply-now.js";
import { upstreamFailureOf } from "../upstream-failure.js";

/**
 * The reply behind an error that carries its status (the SDK's APICallError); throws UpstreamFailure for every other one.
 * The error is marked as not to be retried: the road has retried it already, each time under a hold of its own.
 */
export function replyOfError(error: unknown, signal: AbortSignal): UpstreamReply {
  const fields = error as { statusCode?: unknown; responseHeaders?: unknown; isRetryable?: unknown } | null | undefined;
  const status = fields?.statusCode;
  if (isObject(error) && Object.getOwnPropertyDescriptor(error, "isRetryable")?.writable === true) {
    (error as { isRetryable: boolean }).isRetryable = false;
  }
  if (signal.aborted) throw upstreamFailureOf(error, "aborted");
  if (typeof status !== "number") throw upstreamFailureOf(error, null);
  if (status >= 200 && status <= 299) {
    throw new UpstreamFailure("invalid", `The answer could not be read: ${(error as Error).message}`, { cause: error });
  }
  const headers = isObject(fields?.responseHeaders) ? (fields?.responseHeaders as Record<string, string>) : {};
  return replyNow(status, headers, "{}");
}

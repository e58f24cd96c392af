/** What a failed connection proves. Money path: fails closed — what is not proof of "not sent" is unknown. */
import { UpstreamFailure } from "../../call/needs.js";

/** Causes of a fetch that never reached the server: nothing can have been billed. */
const NEVER_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT", "EHOSTUNREACH", "ENETUNREACH"]);

/** Errors inside errors that are looked into. */
const CAUSES_MAX = 8;

function causeCode(error: unknown): string {
  let at: unknown = error;
  for (let depth = 0; at instanceof Error && depth < CAUSES_MAX; depth++) {
    const { code } = at as NodeJS.ErrnoException;
    if (typeof code === "string" && (NEVER_SENT.has(code) || at.cause === undefined)) return code;
    at = at.cause;
  }
  return "";
}

/** An error of a client's own connection as a failure of the upstream. */
export function upstreamFailureOf(error: unknown, aborted: "timeout" | "aborted" | null): UpstreamFailure {
  if (error instanceof UpstreamFailure) return error;
  const code = causeCode(error);
  const kind = aborted ?? (NEVER_SENT.has(code) ? "connect" : "reset");
  const text = error instanceof Error ? error.message : String(error);
  return new UpstreamFailure(kind, code === "" ? text : `${text} (${code})`, { cause: error });
}

import { BursarError } from "../../accounting/errors.js";
import { inert } from "./print.js";

/** 0 ok, 1 fault, 2 used wrongly, 3 a budget refused. */
export type ExitCode = 0 | 1 | 2 | 3;

const REFUSED = new Set(["budget_exceeded", "budget_waiting", "price_unknown"]);

/** Exit code of an error, the same for every command. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof BursarError)) return 1;
  if (REFUSED.has(error.code)) return 3;
  return error.code === "invalid_request" ? 2 : 1;
}

function systemText(error: NodeJS.ErrnoException): string | null {
  if (error.code === "EADDRINUSE") return "The address is taken. Choose another port (--port N), or stop what listens there.";
  if (error.code === "EACCES")
    return `Not allowed: ${error.message}. Choose another port (--port N) or data directory (--data DIR).`;
  return null;
}

/** An error for a person: what is wrong and the way out, each line inert. A fault of Bursar's own is shown with its stack. */
export function failureText(error: unknown): string {
  const lines = (text: string): string => text.split("\n").map(inert).join("\n");
  if (error instanceof BursarError && error.code !== "internal") return lines(error.message);
  if (!(error instanceof Error)) return lines(String(error));
  const known = systemText(error);
  return lines(known ?? error.stack ?? error.message);
}

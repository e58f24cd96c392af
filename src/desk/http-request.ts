import { BursarError, ERROR_TABLE, type ErrorCode, type ErrorDetails } from "../accounting/errors.js";
import type { AnyCommand } from "./command.js";
import { pathKeys } from "./table.js";

/** A command as a request to a running server's control plane; `path` begins below `/api/v1`. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** JSON text; null for a GET. */
  readonly body: string | null;
}

/** Path parameters into the path, the rest into the query of a GET or the JSON body of a POST. Undefined values are left out. */
export function requestOf(command: AnyCommand, input: Readonly<Record<string, unknown>>): HttpRequest {
  const inPath = new Set(pathKeys(command.path));
  const path = command.path.replace(/:(\w+)/g, (_, key: string) => encodeURIComponent(String(input[key] ?? "")));
  const rest = Object.entries(input).filter(([key, value]) => !inPath.has(key) && value !== undefined);
  if (command.method === "POST") return { method: "POST", path, body: JSON.stringify(Object.fromEntries(rest)) };
  const query = new URLSearchParams();
  for (const [key, value] of rest) for (const one of Array.isArray(value) ? value : [value]) query.append(key, String(one));
  return { method: "GET", path: query.size === 0 ? path : `${path}?${query}`, body: null };
}

/** The error behind an answer of the control plane. What is not its own JSON shape is `internal`, with the status named. */
export function errorOf(status: number, body: unknown): BursarError {
  const error = (body as { error?: { code?: unknown; message?: unknown; details?: ErrorDetails } } | null)?.error;
  const known = typeof error?.code === "string" && Object.hasOwn(ERROR_TABLE, error.code);
  const code = known ? (error.code as ErrorCode) : "internal";
  const message =
    typeof error?.message === "string" ? error.message : `The server answered with status ${status} and no error of Bursar's.`;
  return new BursarError(code, message, error?.details ?? {});
}

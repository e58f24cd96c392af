import type { IncomingHttpHeaders } from "node:http";
import { SECRET_HEADERS } from "../credential.js";

/** Header bytes as UTF-8 where they are (node reads them as latin1), so that a name is the same in path, body and header. */
function headerText(value: string): string {
  if (/^[\x20-\x7e\t]*$/.test(value)) return value;
  const text = Buffer.from(value, "latin1").toString("utf8");
  return text.includes("\ufffd") ? value : text;
}

/** The headers of a request that may go down the road: all but credentials, as text. Pure. */
export function plainHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (SECRET_HEADERS.has(name) || value === undefined) continue;
    plain[name] = headerText(typeof value === "string" ? value : value.join(", "));
  }
  return plain;
}

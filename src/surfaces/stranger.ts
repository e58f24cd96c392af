/** Is a request one of this machine's own? For doors that let everybody in who is. Money path: fails closed — what cannot be told is a stranger. */

/** What tells a stranger: headers by lower-case name, and the other end of the socket (null when unknown). */
export interface Visit {
  readonly header: (name: string) => string | null;
  readonly remote: string | null;
}

const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;
const LOOPBACK_REMOTE = /^(::1|(::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/;
/** Headers that a proxy adds: behind one, the socket's other end is not who asks. */
const PROXY_HEADERS = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/** Why a request is not one of this machine's own, or null when it is. */
export function whyStranger({ header, remote }: Visit): string | null {
  if (remote === null || !LOOPBACK_REMOTE.test(remote)) return "it does not come from this machine";
  const host = header("host") ?? "";
  // A page of another site that resolves its own name to 127.0.0.1 (DNS rebinding) still sends that name as Host.
  if (!LOOPBACK_HOST.test(host)) return "its Host is not a loopback name";
  const site = header("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none") return "it comes from another site";
  const origin = header("origin");
  if (origin !== null && origin !== `http://${host}`) return "it comes from another site";
  if (PROXY_HEADERS.some((name) => header(name) !== null)) return "it comes through a proxy";
  return null;
}

/**
 * The one way to a provider over HTTP/1.1: pooled keep-alive connections, TLS always verified, no redirects, bounded
 * everywhere. Money path: fails closed — only a request of which no byte was written counts as not sent.
 */
import {
  type CallSignal,
  type Quirks,
  type Upstream,
  UpstreamFailure,
  type UpstreamReply,
  type UpstreamRequest,
} from "../call/needs.js";
import type { Exchange } from "./http1/connection.js";
import { openPool, type Pool } from "./http1/pool.js";
import { inflate } from "./inflate.js";
import { openReplyBody, type ReplyBody } from "./reply-body.js";

/** Bounds of one upstream. */
export interface HttpLimits {
  /** Until the connection (TLS included) stands. */
  readonly connect_ms: number;
  /** From the request to the reply's head. */
  readonly first_byte_ms: number;
  /** Between two pieces of the body. */
  readonly idle_ms: number;
  /** Idle connections are closed after so long, unless the provider says otherwise. */
  readonly keep_alive_ms: number;
  /** Connections at the same time; null for no bound of its own (the gateway bounds its calls). */
  readonly connections_max: number | null;
  /** Bytes that a compressed reply may grow to. */
  readonly inflated_bytes_max: number;
}

/** Limits that suit the public providers; long answers that are not streamed give their head only at their end. */
export const HTTP_LIMITS: HttpLimits = {
  connect_ms: 10_000,
  first_byte_ms: 600_000,
  idle_ms: 120_000,
  keep_alive_ms: 15_000,
  connections_max: null,
  inflated_bytes_max: 64 * 1_048_576,
};

/** What an HTTP upstream is made of. */
export interface HttpUpstreamOptions {
  readonly name: string;
  /** With or without a path (`https://api.openai.com/v1`); request paths are appended to it. */
  readonly base_url: string;
  /** Path and query of a request below the base URL. */
  readonly pathOf: (request: UpstreamRequest) => string;
  /**
   * Puts the credential into the headers of one request, just before it is sent, with what else each needs; without the
   * credential where the request brings its client's.
   */
  readonly authorize: (headers: Record<string, string>, own: "configured" | "none") => void;
  /** The client's own credentials go upstream instead of the configured one. */
  readonly passthrough?: boolean;
  /** There is no configured credential to fall back on. */
  readonly needs_credentials?: boolean;
  readonly headers_allowed: (name: string) => boolean;
  readonly unbilled: (status: number) => boolean;
  readonly simulated?: boolean;
  readonly quirks?: Quirks;
  readonly trusts_cost?: boolean;
  readonly limits?: Partial<HttpLimits>;
}

/** An upstream with connections to close. */
export interface HttpUpstream extends Upstream {
  /** Ends all connections at once. */
  close(): Promise<void>;
}

const PASSED_EXACT = new Set([
  "content-type",
  "request-id",
  "x-request-id",
  "retry-after",
  "retry-after-ms",
  "x-should-retry",
  "anthropic-organization-id",
]);
const PASSED_PREFIX = ["anthropic-ratelimit-", "x-ratelimit-", "openai-"];
const passes = (name: string): boolean => PASSED_EXACT.has(name) || PASSED_PREFIX.some((prefix) => name.startsWith(prefix));

/** The value of a header, of several with that name all; "" without it. `headers` are names and values in turns. */
function headerOf(headers: readonly string[], name: string): string {
  let text = "";
  for (let at = 0; at < headers.length; at += 2)
    if (headers[at] === name) text = text === "" ? (headers[at + 1] ?? "") : `${text}, ${headers[at + 1]}`;
  return text;
}

function passedHeaders(headers: readonly string[]): Record<string, string> {
  const passed: Record<string, string> = {};
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? "";
    if (passes(name) && passed[name] === undefined) passed[name] = headerOf(headers, name);
  }
  return passed;
}

/** A base URL, checked: http or https, without credentials, query or fragment. Throws RangeError. */
export function readBaseUrl(text: string): { readonly origin: string; readonly path: string } {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:"))
    throw new RangeError(`The base URL "${text}" is not an http or https URL`);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    throw new RangeError("A base URL carries no credentials, query or fragment");
  return { origin: url.origin, path: url.pathname.replace(/\/+$/, "") };
}

/** What frames a message or concerns one connection is ours alone, whoever allowed it. */
const OURS: ReadonlySet<string> = new Set([
  "host",
  "connection",
  "keep-alive",
  "content-length",
  "transfer-encoding",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "content-type",
  "accept",
  "accept-encoding",
]);
const HEADER_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [\t\x20-\x7e\x80-\xff]*$/;
const TARGET = /^[\x21-\x7e]+$/;

function refusedBeforeSending(what: string): UpstreamFailure {
  return new UpstreamFailure("connect", `${what} has characters that no HTTP request may have; nothing was sent.`);
}

/** Request line and headers. Throws UpstreamFailure `connect` where a path or a value could break out of its line. */
function requestText(request: UpstreamRequest, options: HttpUpstreamOptions, base: { host: string; path: string }): string {
  const { headers, credentials } = request;
  const target = `${base.path}${options.pathOf(request)}`;
  if (!TARGET.test(target)) throw refusedBeforeSending("The path");
  const own: Record<string, string> = {};
  for (const name in headers) own[name] = headers[name] as string;
  let brought = false;
  if (options.passthrough === true) for (const _ in credentials) brought = true;
  options.authorize(own, brought ? "none" : "configured");
  if (brought) for (const name in credentials) own[name] = credentials[name] as string;
  const accept = request.stream && request.framing === "sse" ? "text/event-stream" : "application/json";
  let text =
    `POST ${target} HTTP/1.1\r\nhost: ${base.host}\r\nconnection: keep-alive\r\ncontent-type: application/json\r\n` +
    `accept: ${accept}\r\naccept-encoding: identity\r\n`;
  for (const name in own) {
    if (OURS.has(name)) continue;
    const line = `${name}: ${own[name]}`;
    if (!HEADER_LINE.test(line)) throw refusedBeforeSending(`The header ${JSON.stringify(name)}`);
    text += `${line}\r\n`;
  }
  return `${text}content-length: ${request.body.byteLength}\r\n\r\n`;
}

/** The reply as the road reads it: unpacked, where it came packed all the same. */
function replyOf(status: number, raw: readonly string[], of: { body: ReplyBody; bytesMax: number }): UpstreamReply {
  const { body, bytesMax } = of;
  const headers = passedHeaders(raw);
  const encoding = headerOf(raw, "content-encoding").toLowerCase();
  if (encoding === "" || encoding === "identity") return { status, headers, body, whole: body.whole };
  return { status, headers, body: inflate(body, { encoding, bytes_max: bytesMax }) };
}

interface Sending {
  readonly request: string;
  readonly payload: Uint8Array;
  readonly inflated_bytes_max: number;
}

function abortedFailure(sent: boolean): UpstreamFailure {
  return sent
    ? new UpstreamFailure("aborted", "The call was aborted.")
    : new UpstreamFailure("connect", "The call was given up before it was sent.");
}

/** Sends one request. Settles once: with the head, or with the failure before it. */
function dispatch(pool: Pool, sending: Sending, signal: CallSignal): Promise<UpstreamReply> {
  return new Promise((resolve, reject) => {
    const { request, payload, inflated_bytes_max } = sending;
    let body: ReplyBody | null = null;
    const onAbort = (): void => {
      pool.withdraw(exchange);
      exchange.fail(abortedFailure(exchange.sent));
    };
    const done = (): void => signal.removeEventListener("abort", onAbort);
    const exchange: Exchange = {
      request,
      payload,
      connection: null,
      sent: false,
      head({ status, headers }) {
        body = openReplyBody({
          pause: () => exchange.connection?.pause(),
          resume: () => exchange.connection?.resume(),
          leave() {
            done();
            pool.withdraw(exchange);
          },
        });
        resolve(replyOf(status, headers, { body, bytesMax: inflated_bytes_max }));
      },
      // The connection reads on into the same bytes.
      body: (piece) => body?.push(Buffer.from(piece)),
      end() {
        done();
        body?.end();
      },
      fail(failure) {
        done();
        if (body === null) reject(failure);
        else body.fail(failure);
      },
    };
    signal.addEventListener("abort", onAbort);
    pool.send(exchange);
  });
}

/** Opens a pool of connections to one provider. Throws RangeError when the base URL is none. */
export function openHttpUpstream(options: HttpUpstreamOptions): HttpUpstream {
  const limits = { ...HTTP_LIMITS, ...options.limits };
  const base = readBaseUrl(options.base_url);
  const host = new URL(base.origin).host;
  const { inflated_bytes_max } = limits;
  const pool = openPool(base.origin, limits);
  return {
    name: options.name,
    simulated: options.simulated ?? false,
    async send(request, signal) {
      if (signal.aborted) throw abortedFailure(false);
      const text = requestText(request, options, { host, path: base.path });
      return dispatch(pool, { request: text, payload: request.body, inflated_bytes_max }, signal);
    },
    unbilled: options.unbilled,
    headers_allowed: options.headers_allowed,
    ...(options.quirks === undefined ? {} : { quirks: options.quirks }),
    trusts_cost: options.trusts_cost ?? false,
    needs_credentials: options.needs_credentials ?? false,
    close: async () => pool.close(),
  };
}

/**
 * The one way to a provider over HTTP/1.1: pooled keep-alive connections, TLS always verified, no redirects, bounded
 * everywhere. Money path: fails closed — only a request of which no byte was written counts as not sent.
 */
import { errors, Pool } from "undici";
import {
  type CallSignal,
  type Quirks,
  type Upstream,
  UpstreamFailure,
  type UpstreamReply,
  type UpstreamRequest,
} from "../call/needs.js";
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

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>;

const textOf = (value: string | string[] | undefined): string => (Array.isArray(value) ? value.join(", ") : (value ?? ""));

function passedHeaders(raw: RawHeaders): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(raw)) if (passes(name)) headers[name] = textOf(value);
  return headers;
}

/** What broke, in our words. `sent`: a byte of the request may have left. */
function failureOf(error: unknown, sent: boolean): UpstreamFailure {
  if (error instanceof UpstreamFailure) return error;
  const said = error instanceof Error ? error.message || error.name : String(error);
  const options = { cause: error };
  if (!sent) return new UpstreamFailure("connect", `No connection (${said}).`, options);
  if (error instanceof errors.HeadersTimeoutError) return new UpstreamFailure("timeout", "No answer in time.", options);
  if (error instanceof errors.BodyTimeoutError) return new UpstreamFailure("timeout", "The answer stalled.", options);
  if (
    error instanceof errors.HTTPParserError ||
    error instanceof errors.HeadersOverflowError ||
    error instanceof errors.ResponseContentLengthMismatchError
  )
    return new UpstreamFailure("invalid", `The answer is no valid HTTP (${said}).`, options);
  return new UpstreamFailure("reset", `The connection broke (${said}).`, options);
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

function requestHeaders(request: UpstreamRequest, options: HttpUpstreamOptions): Record<string, string> {
  const headers: Record<string, string> = {
    ...request.headers,
    "content-type": "application/json",
    accept: request.stream && request.framing === "sse" ? "text/event-stream" : "application/json",
    "accept-encoding": "identity",
  };
  const brought = options.passthrough === true && Object.keys(request.credentials).length > 0;
  options.authorize(headers, brought ? "none" : "configured");
  return brought ? { ...headers, ...request.credentials } : headers;
}

function decoded(raw: RawHeaders, body: ReplyBody, bytesMax: number): AsyncIterable<Uint8Array> {
  const encoding = textOf(raw["content-encoding"]).trim().toLowerCase();
  return encoding === "" || encoding === "identity" ? body : inflate(body, { encoding, bytes_max: bytesMax });
}

interface Sending {
  readonly pool: Pool;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
  readonly inflated_bytes_max: number;
}

/** Dispatches one request. Settles once: with the head, or with the failure before it. */
function dispatch(sending: Sending, signal: CallSignal): Promise<UpstreamReply> {
  return new Promise((resolve, reject) => {
    let sent = false;
    let body: ReplyBody | null = null;
    let abort: ((reason: Error) => void) | null = null;
    const aborted = (): UpstreamFailure =>
      new UpstreamFailure(
        sent ? "aborted" : "connect",
        sent ? "The call was aborted." : "The call was given up before it was sent.",
      );
    const onAbort = (): void => {
      const reason = aborted();
      fail(reason);
      abort?.(reason);
    };
    const done = (): void => signal.removeEventListener("abort", onAbort);
    const fail = (error: unknown): void => {
      done();
      const failure = signal.aborted ? aborted() : failureOf(error, sent);
      if (body === null) reject(failure);
      else body.fail(failure);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    sending.pool.dispatch(
      { method: "POST", path: sending.path, headers: sending.headers, body: sending.body },
      {
        onRequestStart(controller) {
          // Runs before the first byte is written: until here nothing was sent.
          abort = (reason) => controller.abort(reason);
          if (signal.aborted) return abort(aborted());
          sent = true;
        },
        onResponseStart(controller, status, raw) {
          if (status < 200) return;
          body = openReplyBody({
            pause: () => controller.pause(),
            resume: () => controller.resume(),
            leave: () => controller.abort(new UpstreamFailure("aborted", "The reader left.")),
          });
          resolve({ status, headers: passedHeaders(raw), body: decoded(raw, body, sending.inflated_bytes_max) });
        },
        onResponseData: (_, chunk) => body?.push(chunk),
        onResponseEnd() {
          done();
          body?.end();
        },
        onResponseError: (_, error) => fail(error),
        onRequestUpgrade(controller) {
          controller.abort(new UpstreamFailure("invalid", "The provider wants to switch protocols."));
        },
      },
    );
  });
}

/** Opens a pool of connections to one provider. Throws RangeError when the base URL is none. */
export function openHttpUpstream(options: HttpUpstreamOptions): HttpUpstream {
  const limits = { ...HTTP_LIMITS, ...options.limits };
  const base = readBaseUrl(options.base_url);
  const pool = new Pool(base.origin, {
    connections: limits.connections_max,
    connectTimeout: limits.connect_ms,
    headersTimeout: limits.first_byte_ms,
    bodyTimeout: limits.idle_ms,
    keepAliveTimeout: limits.keep_alive_ms,
    allowH2: false,
    // Said outright, so that no environment variable can turn it off.
    connect: { rejectUnauthorized: true },
  });
  return {
    name: options.name,
    simulated: options.simulated ?? false,
    async send(request, signal) {
      if (signal.aborted) throw new UpstreamFailure("connect", "The call was given up before it was sent.");
      const headers = requestHeaders(request, options);
      const { inflated_bytes_max } = limits;
      return dispatch(
        { pool, path: `${base.path}${options.pathOf(request)}`, headers, body: request.body, inflated_bytes_max },
        signal,
      );
    },
    unbilled: options.unbilled,
    headers_allowed: options.headers_allowed,
    ...(options.quirks === undefined ? {} : { quirks: options.quirks }),
    trusts_cost: options.trusts_cost ?? false,
    needs_credentials: options.needs_credentials ?? false,
    close: () => pool.destroy(),
  };
}

/**
 * The gateway: bytes in, size limits, one route, one credential, then the road. Money path: fails closed — nothing
 * reaches a provider but through the road.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { BursarError } from "../../accounting/errors.js";
import { type OwnSignal, openCallSignal } from "../../call/call-signal.js";
import { finalStatusFor } from "../../call/coding-agent.js";
import type { KeyIdentity } from "../../call/identify.js";
import type { Dialect, DialectName } from "../../call/needs.js";
import { refuseRoute } from "../../call/permitted.js";
import type { CallReply } from "../../call/reply.js";
import type { Road } from "../../call/run-call.js";
import { type Admitted, admit } from "../credential.js";
import { replyHeaders, statusOf } from "../reply-headers.js";
import type { ServedModel } from "../served-models.js";
import { whyStranger } from "../stranger.js";
import { modelsBody } from "./models.js";
import { plainHeaders } from "./plain-headers.js";
import { readBody } from "./read-body.js";
import { type Routed, routeOf } from "./route.js";
import { writeStream } from "./write-stream.js";

/** How long a client may take to send a request, in milliseconds. */
export interface GatewayTimeouts {
  /** Until its headers are whole. */
  readonly headers_ms: number;
  /** Until its body is whole, too. */
  readonly body_ms: number;
  /** Between two looks at all connections. */
  readonly check_ms: number;
}

/** What the gateway serves with. */
export interface GatewayOptions {
  readonly host: string;
  readonly port: number;
  readonly bodyBytesMax: number;
  readonly road: Road;
  readonly dialects: ReadonlyMap<DialectName, Dialect>;
  /** The identity behind a token, or null. Read on every request: keys may change with the file. */
  readonly identify: (token: string) => KeyIdentity | null;
  /** Is any token a key (no configuration file)? Then only this machine's own requests are let in. */
  readonly anyKey: () => boolean;
  /** The models that are served, for the lists of models. */
  readonly models: () => readonly ServedModel[];
  /** Everything that is no call: health, dashboard, control API. */
  readonly control: (request: IncomingMessage, response: ServerResponse) => void;
  readonly newId: () => string;
  /** Watching path: must not throw. */
  readonly fault: (error: unknown) => void;
  readonly timeouts?: GatewayTimeouts;
}

/** A gateway that listens. */
export interface Gateway {
  readonly url: string;
  readonly port: number;
  /** Stops taking calls, waits for those in flight up to `graceMs`, then closes what is left. */
  close(graceMs: number): Promise<void>;
}

/** What all requests of a gateway share. */
interface Serving {
  readonly options: GatewayOptions;
  /** Keys as coding agents are answered, by the key itself. */
  readonly finals: WeakMap<KeyIdentity, KeyIdentity>;
}

/** A request, and the word that its client has left. */
interface Arrived {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly left: OwnSignal;
}

/** Node's own are 60 s, 300 s and 30 s: far too long for clients that send a byte now and then. */
const TIMEOUTS: GatewayTimeouts = { headers_ms: 10_000, body_ms: 60_000, check_ms: 5_000 };
const KEEP_ALIVE_MS = 65_000;
const HEADER_BYTES_MAX = 16_384;
/** What is said to a client whose request never became one, by node's code; 400 to all others. */
const UNREADABLE: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

function writeRefusal(response: ServerResponse, of: { dialect: Dialect; error: BursarError; callId: string }): void {
  const { dialect, error, callId } = of;
  const { body } = dialect.refuse(error, callId);
  const retry = error.retry === "later" ? {} : { "x-should-retry": "false" };
  const close = error.code === "body_too_large" ? { connection: "close" } : {};
  response.writeHead(error.status, { "content-type": "application/json", "x-bursar-call-id": callId, ...retry, ...close });
  response.end(body);
}

/** Names and values in turns, which node writes as they are. */
function flat(headers: Readonly<Record<string, string>>): string[] {
  const lines: string[] = [];
  for (const name in headers) lines.push(name, headers[name] as string);
  return lines;
}

function writeReply(response: ServerResponse, reply: CallReply, key: KeyIdentity): Promise<void> | void {
  const headers = flat(replyHeaders(reply));
  const status = statusOf(reply, key.exhausted_status);
  if (reply.kind === "stream") {
    response.writeHead(status, headers);
    return writeStream(response, reply.body);
  }
  headers.push("content-length", String(reply.body.byteLength));
  response.writeHead(status, headers);
  response.end(reply.body);
}

/** Any key is let in, so a web page of another site must not reach it by the browser of somebody here. */
function refuseStranger(request: IncomingMessage): void {
  const header = (name: string): string | null => {
    const value = request.headers[name];
    return value === undefined ? null : String(value);
  };
  const why = whyStranger({ header, remote: request.socket.remoteAddress ?? null });
  if (why === null) return;
  const message = `Without a configuration file only this machine itself is served, and ${why}. Write a bursar.yaml with keys.`;
  throw new BursarError("forbidden", message);
}

/** The dialect of a route; where it is not served, OpenAI's is what most clients can read an error in. */
function dialectOf(options: GatewayOptions, name: DialectName): Dialect {
  return options.dialects.get(name) ?? (options.dialects.get("openai-chat") as Dialect);
}

/** The key behind a request. Throws BursarError `unauthorized`, the same for every cause. */
function admitted(options: GatewayOptions, request: IncomingMessage, queryKey: string | undefined): Admitted {
  const found = admit({ headers: request.headers, queryKey, identify: options.identify });
  if (found !== null) return found;
  throw new BursarError(
    "unauthorized",
    "The key is missing or not known. Send one of the keys of bursar.yaml as Authorization: Bearer KEY, x-api-key or x-bursar-key (without a file: any).",
  );
}

/** The key, with the status that its client takes a refusal for final by where the key names none; one object per key. */
function answeredAs({ finals }: Serving, key: KeyIdentity, headers: Readonly<Record<string, string>>): KeyIdentity {
  const final = key.exhausted_status === undefined ? finalStatusFor(headers) : null;
  if (final === null) return key;
  const known = finals.get(key) ?? { ...key, exhausted_status: final };
  finals.set(key, known);
  return known;
}

async function serveCall(
  serving: Serving,
  of: Arrived & { routed: Extract<Routed, { kind: "data" | "models" }> },
): Promise<void> {
  const { options } = serving;
  const { request, response, routed, left } = of;
  const dialect = dialectOf(options, routed.dialect);
  try {
    if (options.anyKey()) refuseStranger(request);
    const { key: admittedKey, credentials } = admitted(options, request, routed.queryKey);
    refuseRoute(admittedKey, routed.kind === "models" ? "models" : routed.dialect);
    if (routed.kind === "models") {
      const list = modelsBody({ routed, headers: request.headers, key: admittedKey, models: options.models() });
      response.writeHead(200, { "content-type": "application/json", "content-length": String(list.byteLength) });
      response.end(list);
      return;
    }
    const { target, query, agent } = routed;
    const body = await readBody(request, options.bodyBytesMax);
    const plain = plainHeaders(request.headers);
    const key = answeredAs(serving, admittedKey, plain);
    const reply = await options.road.run({
      dialect,
      target,
      query,
      body,
      headers: plain,
      credentials,
      key,
      signal: left,
      ...(agent === undefined ? {} : { path_agent: agent }),
    });
    await writeReply(response, reply, key);
  } catch (error) {
    const told =
      error instanceof BursarError
        ? error
        : new BursarError("internal", "Bursar failed; its log has the details.", {}, { cause: error });
    if (told.code === "internal") options.fault(error);
    if (response.headersSent) response.destroy();
    else writeRefusal(response, { dialect, error: told, callId: options.newId() });
  }
}

function serve(serving: Serving, arrived: Arrived): void {
  const { options } = serving;
  const { request, response } = arrived;
  const routed = routeOf(request.method ?? "GET", request.url ?? "/");
  if (routed.kind === "control") options.control(request, response);
  else if (routed.kind === "probe") response.writeHead(200).end();
  else if (routed.kind === "refused") {
    const { dialect, error } = routed;
    writeRefusal(response, { dialect: dialectOf(options, dialect), error, callId: options.newId() });
  } else if (routed.kind === "data" && !options.dialects.has(routed.dialect)) {
    const error = new BursarError("not_built", `${routed.dialect} is not built yet.`);
    writeRefusal(response, { dialect: dialectOf(options, routed.dialect), error, callId: options.newId() });
  } else serveCall(serving, { ...arrived, routed }).catch(options.fault);
}

/** Requests that are being answered, and word once there are none: keep-alive connections alone never hold up an end. */
function openInFlight(): { begin(): void; end(): void; none(): Promise<void> } {
  let open = 0;
  let told: (() => void) | null = null;
  return {
    begin() {
      open++;
    },
    end() {
      if (--open === 0) told?.();
    },
    none: () => (open === 0 ? Promise.resolve() : new Promise((resolve) => (told = resolve))),
  };
}

/** Binds and serves. Rejects with the system's error when the address is taken. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const inFlight = openInFlight();
  const { timeouts = TIMEOUTS } = options;
  const serving: Serving = { options, finals: new WeakMap() };
  const server: Server = createServer(
    {
      headersTimeout: timeouts.headers_ms,
      requestTimeout: timeouts.body_ms,
      connectionsCheckingInterval: timeouts.check_ms,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      noDelay: true,
    },
    (request, response) => {
      const left = openCallSignal();
      inFlight.begin();
      response.on("close", () => {
        inFlight.end();
        if (!response.writableFinished) left.abort();
      });
      serve(serving, { request, response, left });
    },
  );
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    const status = UNREADABLE[error.code ?? ""] ?? "400 Bad Request";
    if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port, address, family } = server.address() as AddressInfo;
  const host = family === "IPv6" ? `[${address}]` : address;
  return {
    url: `http://${host}:${port}`,
    port,
    async close(graceMs) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), graceMs);
      await Promise.race([closed, inFlight.none()]);
      // Node counts a connection that never carried a request as busy.
      server.closeAllConnections();
      await closed;
      clearTimeout(timer);
    },
  };
}

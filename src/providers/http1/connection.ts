/**
 * One connection to a provider: one request at a time, its reply read off it, used again only after a clean end. Money
 * path: fails closed — once a byte of a request may have left, every failure says so.
 */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type SecureContext, type TLSSocket } from "node:tls";
import { UpstreamFailure } from "../../call/needs.js";
import { InvalidReply, type ReplyHead } from "./reply-head.js";
import { openReplyParser, type ReplyParser } from "./reply-parser.js";

/** One request, and who is told what becomes of it: a head, pieces, an end; or a failure at any point before the end. */
export interface Exchange {
  /** Request line and headers with the empty line; latin1. */
  readonly request: string;
  readonly payload: Uint8Array;
  /** The connection it goes over, while it does. */
  connection: Connection | null;
  /** A byte of it may have left. */
  sent: boolean;
  head(head: ReplyHead): void;
  /** A view that is only good during the call. */
  body(piece: Uint8Array): void;
  end(): void;
  fail(failure: UpstreamFailure): void;
}

/** Where to connect to. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  /** Null for plain HTTP. */
  readonly secure: SecureContext | null;
}

/** What a connection shares with the others of its pool. */
export interface ConnectionPlace {
  readonly destination: Destination;
  /** Every connection reads into the same bytes: they are taken out before the next read. */
  readonly buffer: Buffer;
  /** The last TLS session of a verified connection. */
  session: Buffer | null;
  /** It can take another request. */
  idle(connection: Connection): void;
  /** It is no more. */
  gone(connection: Connection): void;
}

/** A connection. */
export interface Connection {
  /** What it waits for, for the sweep that times it out. */
  readonly phase: "connecting" | "head" | "body" | "idle";
  /** Sweeps since something came, or since it waits. */
  quiet: number;
  /** How long it may stay idle, as its server says; null: not said. */
  readonly keep_ms: number | null;
  /** Since when it is idle, in monotonic ms. */
  readonly idleSince: number;
  /** Its reader is slower than its server. */
  readonly paused: boolean;
  /** Nothing stands against another request. */
  usable(): boolean;
  /** Sends one; only while idle or connecting. */
  start(exchange: Exchange): void;
  pause(): void;
  resume(): void;
  /** Ends it at once; its exchange is told, unless `failure` is null. */
  destroy(failure: UpstreamFailure | null): void;
}

/** Up to this size a request goes out in one piece: copying that much costs less than a gathering write. */
const ONE_PIECE_MAX = 32_768;
/** A peer that vanished without a word is noticed in the end. */
const PROBE_MS = 60_000;

function open(
  place: ConnectionPlace,
  onread: { buffer: Buffer; callback: (bytes: number, buffer: Uint8Array) => boolean },
): Socket {
  const { host, port, secure } = place.destination;
  const options = { host, port, onread, noDelay: true, keepAlive: true, keepAliveInitialDelay: PROBE_MS };
  if (secure === null) return connectTcp(options);
  const secured = {
    ...options,
    secureContext: secure,
    // Said outright, so that no environment variable can turn it off.
    rejectUnauthorized: true,
    ALPNProtocols: ["http/1.1"],
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(place.session === null ? {} : { session: place.session }),
  };
  return connectTls(secured);
}

/** Keeps the session of a connection once that is verified, so that the next one need not shake hands in full. */
function keepSession(socket: TLSSocket, place: ConnectionPlace): void {
  let early: Buffer | null = null;
  socket.on("session", (session) => {
    // With TLS 1.2 it comes before the certificate is looked at.
    if (socket.authorized) place.session = session;
    else early = session;
  });
  socket.once("secureConnect", () => {
    place.session = early ?? place.session;
  });
}

function write(socket: Socket, { request, payload }: Exchange): void {
  const size = request.length + payload.byteLength;
  if (size > ONE_PIECE_MAX) {
    socket.cork();
    socket.write(request, "latin1");
    socket.write(payload);
    socket.uncork();
    return;
  }
  const bytes = Buffer.allocUnsafe(size);
  bytes.write(request, "latin1");
  bytes.set(payload, request.length);
  socket.write(bytes);
}

const said = (error: unknown): string => (error instanceof Error ? error.message || error.name : String(error));

/** What broke, in our words. `sent`: a byte of the request may have left. */
function failureOf(error: unknown, sent: boolean): UpstreamFailure {
  if (error instanceof UpstreamFailure) return error;
  const options = { cause: error };
  if (!sent) return new UpstreamFailure("connect", `No connection (${said(error)}).`, options);
  if (error instanceof InvalidReply)
    return new UpstreamFailure("invalid", `The answer is no valid HTTP (${error.message}).`, options);
  return new UpstreamFailure("reset", `The connection broke (${said(error)}).`, options);
}

/** A connection from the inside. */
interface Live extends Connection {
  phase: Connection["phase"];
  keep_ms: number | null;
  idleSince: number;
  paused: boolean;
  readonly place: ConnectionPlace;
  readonly parser: ReplyParser;
  readonly socket: Socket;
  exchange: Exchange | null;
  reply: ReplyHead | null;
  /** The parser has told the end of the reply. */
  over: boolean;
  closed: boolean;
}

function resume(live: Live): void {
  if (!live.paused) return;
  live.paused = false;
  live.socket.resume();
}

function destroy(live: Live, failure: UpstreamFailure | null): void {
  const broken = live.exchange;
  live.exchange = null;
  if (broken !== null) broken.connection = null;
  if (!live.closed) {
    live.closed = true;
    live.socket.destroy();
    live.place.gone(live);
  }
  if (failure !== null) broken?.fail(failure);
}

/** The reply is whole. `clean`: nothing came behind it. */
function replied(live: Live, clean: boolean): void {
  const { exchange, reply } = live;
  if (exchange !== null) exchange.connection = null;
  const kept = clean && reply?.keeps === true && live.socket.writableLength === 0 && !live.closed;
  live.keep_ms = reply?.keep_ms ?? null;
  live.exchange = null;
  live.reply = null;
  live.over = false;
  if (kept) {
    live.parser.reset();
    resume(live);
    live.phase = "idle";
    live.idleSince = performance.now();
    live.place.idle(live);
  } else destroy(live, null);
  exchange?.end();
}

/** Takes what came; answers whether there may come more. */
function read(live: Live, bytes: Buffer): boolean {
  live.quiet = 0;
  if (live.exchange === null) {
    // Nothing was asked: what comes now would be taken for the answer to the next request.
    destroy(live, null);
    return false;
  }
  try {
    const taken = live.parser.take(bytes);
    if (live.over) replied(live, taken === bytes.length);
  } catch (error) {
    broke(live, error);
  }
  return !live.paused && !live.closed;
}

function broke(live: Live, error: unknown): void {
  destroy(live, failureOf(error, live.exchange?.sent ?? true));
}

/** The provider has ended the connection: where that is the end of the body, too, it is whole now. */
function ended(live: Live): void {
  try {
    if (live.exchange !== null && live.parser.finish()) replied(live, false);
  } catch (error) {
    broke(live, error);
  }
  broke(live, new Error("the provider closed it"));
}

function start(live: Live, exchange: Exchange): void {
  live.exchange = exchange;
  exchange.connection = live;
  live.phase = "head";
  live.quiet = 0;
  exchange.sent = true;
  write(live.socket, exchange);
}

function openParser(live: () => Live): ReplyParser {
  return openReplyParser({
    head(head) {
      const one = live();
      one.reply = head;
      one.phase = "body";
      one.exchange?.head(head);
    },
    body: (piece) => live().exchange?.body(piece),
    end() {
      live().over = true;
    },
  });
}

/** Opens a connection for its first exchange. */
export function openConnection(place: ConnectionPlace, first: Exchange): Connection {
  const { secure } = place.destination;
  const callback = (count: number, buffer: Uint8Array): boolean => read(live, (buffer as Buffer).subarray(0, count));
  const socket = open(place, { buffer: place.buffer, callback });
  const live: Live = {
    phase: "connecting",
    quiet: 0,
    keep_ms: null,
    idleSince: 0,
    paused: false,
    place,
    parser: openParser(() => live),
    socket,
    exchange: first,
    reply: null,
    over: false,
    closed: false,
    usable: () => !live.closed && socket.writable && socket.readable,
    start: (exchange) => start(live, exchange),
    pause() {
      live.paused = true;
      socket.pause();
    },
    resume: () => resume(live),
    destroy: (failure) => destroy(live, failure),
  };
  first.connection = live;
  socket.once(secure === null ? "connect" : "secureConnect", () => {
    if (live.exchange !== null) start(live, live.exchange);
  });
  if (secure !== null) keepSession(socket as TLSSocket, place);
  socket.on("error", (error) => broke(live, error));
  socket.on("end", () => ended(live));
  socket.on("close", () => broke(live, new Error("it was closed")));
  return live;
}

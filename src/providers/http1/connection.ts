/**
 * One connection to a provider: one request at a time, its reply read off it, used again only after a clean end. Money
 * path: fails closed — once a byte of a request may have left, every failure says so.
 */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type SecureContext, type TLSSocket } from "node:tls";
import { UpstreamFailure } from "../../call/needs.js";
import { InvalidReply, type ReplyHead } from "./reply-head.js";
import { openReplyParser } from "./reply-parser.js";

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

/** Opens a connection for its first exchange. */
export function openConnection(place: ConnectionPlace, first: Exchange): Connection {
  let exchange: Exchange | null = first;
  let reply: ReplyHead | null = null;
  let over = false;
  let closed = false;
  const parser = openReplyParser({
    head(head) {
      reply = head;
      connection.phase = "body";
      exchange?.head(head);
    },
    body: (piece) => exchange?.body(piece),
    end: () => {
      over = true;
    },
  });

  function read(count: number, buffer: Uint8Array): boolean {
    connection.quiet = 0;
    if (exchange === null) {
      // Nothing was asked: what comes now would be taken for the answer to the next request.
      destroy(null);
      return false;
    }
    try {
      const taken = parser.take((buffer as Buffer).subarray(0, count));
      if (over) replied(taken === count);
    } catch (error) {
      destroy(failureOf(error, exchange?.sent ?? true));
    }
    return !connection.paused && !closed;
  }

  /** The reply is whole. `clean`: nothing came behind it. */
  function replied(clean: boolean): void {
    const done = exchange;
    if (done !== null) done.connection = null;
    const kept = clean && reply?.keeps === true && socket.writableLength === 0 && !closed;
    connection.keep_ms = reply?.keep_ms ?? null;
    exchange = null;
    reply = null;
    over = false;
    if (kept) {
      parser.reset();
      resume();
      connection.phase = "idle";
      connection.idleSince = performance.now();
      place.idle(connection);
    } else destroy(null);
    done?.end();
  }

  function destroy(failure: UpstreamFailure | null): void {
    const broken = exchange;
    exchange = null;
    if (broken !== null) broken.connection = null;
    if (!closed) {
      closed = true;
      socket.destroy();
      place.gone(connection);
    }
    if (failure !== null) broken?.fail(failure);
  }

  function resume(): void {
    if (!connection.paused) return;
    connection.paused = false;
    socket.resume();
  }

  const connection = {
    phase: "connecting" as Connection["phase"],
    quiet: 0,
    keep_ms: null as number | null,
    idleSince: 0,
    paused: false,
    usable: () => !closed && socket.writable && socket.readable,
    start(next: Exchange) {
      exchange = next;
      next.connection = connection;
      connection.phase = "head";
      connection.quiet = 0;
      next.sent = true;
      write(socket, next);
    },
    pause() {
      connection.paused = true;
      socket.pause();
    },
    resume,
    destroy,
  };

  first.connection = connection;
  const socket = open(place, { buffer: place.buffer, callback: read });
  const broke = (error: unknown): void => destroy(failureOf(error, exchange?.sent ?? true));
  socket.once(place.destination.secure === null ? "connect" : "secureConnect", () => {
    if (exchange !== null) connection.start(exchange);
  });
  if (place.destination.secure !== null) keepSession(socket as TLSSocket, place);
  socket.on("error", broke);
  socket.on("end", () => {
    try {
      // Where the end of the connection is that of the body, it is whole now.
      if (exchange !== null && parser.finish()) replied(false);
    } catch (error) {
      broke(error);
    }
    broke(new Error("the provider closed it"));
  });
  socket.on("close", () => broke(new Error("it was closed")));
  return connection;
}

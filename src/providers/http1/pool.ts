/**
 * Connections to one provider, kept for the next request. Money path: fails closed — a request is written once, to one
 * connection, and never again.
 */
import { createSecureContext, type SecureContext } from "node:tls";
import { UpstreamFailure } from "../../call/needs.js";
import { type Connection, type ConnectionPlace, type Exchange, openConnection } from "./connection.js";

/** Bounds of the connections to one provider; see HttpLimits. */
export interface PoolLimits {
  readonly connect_ms: number;
  readonly first_byte_ms: number;
  readonly idle_ms: number;
  readonly keep_alive_ms: number;
  readonly connections_max: number | null;
}

/** The connections of one provider. */
export interface Pool {
  /** Sends over an idle connection, a new one, or the next that is free. */
  send(exchange: Exchange): void;
  /** Takes back what waits, or ends the connection it goes over. The exchange is told nothing more. */
  withdraw(exchange: Exchange): void;
  /** Ends all connections at once; what goes over them, or waits, fails. */
  close(): void;
}

/** What the network stack hands over in one read at most. */
const READ_BYTES = 65_536;
/** A server that says how long it keeps a connection may end it that much sooner: its word needs time to arrive. */
const KEEP_MARGIN_MS = 1_000;
/** A connection is never kept idle longer than that, whatever its server says. */
const KEEP_MAX_MS = 600_000;
/** Times are looked at so many times within the shortest limit, but at most and at least so often. */
const SWEEPS = 8;
const SWEEP_MAX_MS = 1_000;
const SWEEP_MIN_MS = 20;

/** How long a connection may be idle. */
function keepMs(connection: Connection, limits: PoolLimits): number {
  const { keep_ms } = connection;
  return keep_ms === null ? limits.keep_alive_ms : Math.min(KEEP_MAX_MS, keep_ms - KEEP_MARGIN_MS);
}

function timeoutOf(connection: Connection, limits: PoolLimits): { readonly ms: number; readonly failure: () => UpstreamFailure } {
  if (connection.phase === "connecting")
    return { ms: limits.connect_ms, failure: () => new UpstreamFailure("connect", "No connection (it took too long).") };
  if (connection.phase === "head")
    return { ms: limits.first_byte_ms, failure: () => new UpstreamFailure("timeout", "No answer in time.") };
  return { ms: limits.idle_ms, failure: () => new UpstreamFailure("timeout", "The answer stalled.") };
}

/**
 * Times out all connections by one timer instead of one for each call. Counting sweeps, not milliseconds, also means that
 * a process that stood still does not take its own silence for the provider's.
 */
function openSweep(open: ReadonlySet<Connection>, limits: PoolLimits): { begin(): void; end(): void } {
  const shortest = Math.min(limits.connect_ms, limits.first_byte_ms, limits.idle_ms, limits.keep_alive_ms);
  const everyMs = Math.max(SWEEP_MIN_MS, Math.min(SWEEP_MAX_MS, Math.floor(shortest / SWEEPS)));
  let timer: NodeJS.Timeout | null = null;

  function sweep(): void {
    const now = performance.now();
    for (const connection of open) {
      if (connection.phase === "idle") {
        if (now - connection.idleSince >= keepMs(connection, limits)) connection.destroy(null);
        continue;
      }
      if (connection.paused) continue;
      connection.quiet++;
      const { ms, failure } = timeoutOf(connection, limits);
      // The first sweep may come at once: only those behind it are whole.
      if ((connection.quiet - 1) * everyMs >= ms) connection.destroy(failure());
    }
  }

  return {
    begin() {
      timer ??= setInterval(sweep, everyMs).unref();
    },
    end() {
      if (timer !== null) clearInterval(timer);
      timer = null;
    },
  };
}

function openPlace(
  origin: string,
  trust: SecureContext | undefined,
  told: Pick<ConnectionPlace, "idle" | "gone">,
): ConnectionPlace {
  const url = new URL(origin);
  const secure = url.protocol === "https:";
  return {
    destination: {
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: Number(url.port) || (secure ? 443 : 80),
      // Reading the root certificates takes milliseconds: once, not for every connection.
      secure: secure ? (trust ?? createSecureContext({})) : null,
    },
    buffer: Buffer.allocUnsafeSlow(READ_BYTES),
    session: null,
    ...told,
  };
}

/**
 * Opens a pool for an origin (`https://api.openai.com`). Connects when the first request comes. `trust`: whose certificates
 * are believed; absent: the system's.
 */
export function openPool(origin: string, limits: PoolLimits, trust?: SecureContext): Pool {
  const open = new Set<Connection>();
  const idle: Connection[] = [];
  const waiting: Exchange[] = [];
  const sweep = openSweep(open, limits);
  let closed = false;
  const place = openPlace(origin, trust, {
    idle(connection) {
      const next = waiting.shift();
      if (next !== undefined) connection.start(next);
      else if (keepMs(connection, limits) > 0) idle.push(connection);
      else connection.destroy(null);
    },
    gone(connection) {
      open.delete(connection);
      const at = idle.indexOf(connection);
      if (at >= 0) idle.splice(at, 1);
      const next = closed ? undefined : waiting.shift();
      if (next !== undefined) connect(next);
      else if (open.size === 0) sweep.end();
    },
  });

  function connect(exchange: Exchange): void {
    open.add(openConnection(place, exchange));
    sweep.begin();
  }

  /** The connection that was used last: those that are not needed grow old and are closed. */
  function reusable(): Connection | null {
    for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
      if (connection.usable() && performance.now() - connection.idleSince < keepMs(connection, limits)) return connection;
      connection.destroy(null);
    }
    return null;
  }

  return {
    send(exchange) {
      if (closed) {
        exchange.fail(new UpstreamFailure("connect", "The provider is closed."));
        return;
      }
      const kept = reusable();
      if (kept !== null) kept.start(exchange);
      else if (limits.connections_max === null || open.size < limits.connections_max) connect(exchange);
      else waiting.push(exchange);
    },
    withdraw(exchange) {
      const at = waiting.indexOf(exchange);
      if (at >= 0) waiting.splice(at, 1);
      else exchange.connection?.destroy(null);
    },
    close() {
      closed = true;
      for (const exchange of waiting.splice(0)) exchange.fail(new UpstreamFailure("connect", "The provider is closed."));
      for (const connection of [...open]) connection.destroy(new UpstreamFailure("reset", "The provider is closed."));
    },
  };
}

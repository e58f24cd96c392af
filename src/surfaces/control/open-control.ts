/**
 * The control plane: the desk's table over HTTP, health, metrics, live events and the page. Money path where it changes
 * limits: fails closed — a route that is not in the table does not exist, and every route asks who comes.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { BursarError } from "../../accounting/errors.js";
import { type AnyCommand, answer, type Command, type Feed, openFeed, previewOf } from "../../desk/command.js";
import type { DeskNeeds } from "../../desk/needs.js";
import { assertTable } from "../../desk/table.js";
import { authorize, type ControlAuth, type Visitor } from "./auth.js";
import { asBursarError, errorBody } from "./error-body.js";
import { eventStream } from "./event-stream.js";
import { metricsText } from "./metrics.js";
import { openapiOf } from "./openapi.js";
import { PAGE_POLICY, readPage } from "./page-files.js";
import { readRequest } from "./read-request.js";

/** What a request is served with besides itself. `remote` is for callers without a socket (tests). */
export interface ControlBindings {
  readonly incoming?: HttpBindings["incoming"];
  readonly remote?: string;
}

interface Env {
  Bindings: ControlBindings;
}

type Asked = Context<Env>;

/** What the control plane is made of. */
export interface ControlOptions {
  readonly table: readonly AnyCommand[];
  readonly needs: DeskNeeds;
  readonly auth: ControlAuth;
  /** Told of every fault of Bursar's own. Must not throw. */
  readonly fault: (error: unknown) => void;
}

/** The control plane with a lifetime. */
export interface Control {
  fetch(request: Request, bindings?: ControlBindings): Promise<Response>;
  /** For node:http; every path that is no call comes here. */
  readonly listener: (request: IncomingMessage, response: ServerResponse) => void;
  /** Every route the app truly has, as the router knows it. */
  routes(): readonly { readonly method: string; readonly path: string }[];
  /** Ends every live feed, so that the server can close. */
  close(): void;
}

/** Routes beside the table, all GET, with who may ask. `public` shows nothing secret. A test compares them with the app. */
export const PLAIN_ROUTES: readonly { readonly path: string; readonly permission: "public" | "read"; readonly what: string }[] = [
  { path: "/healthz", permission: "public", what: "200 while the process lives" },
  { path: "/readyz", permission: "public", what: "200 while calls can be served, else 503 with the reason" },
  { path: "/metrics", permission: "read", what: "Prometheus text, see metrics.md" },
  { path: "/api/v1/openapi.json", permission: "public", what: "this page for machines" },
  { path: "/", permission: "public", what: "the live page; it asks the API for everything it shows" },
  { path: "/page.css", permission: "public", what: "of the page" },
  { path: "/icon.svg", permission: "public", what: "of the page" },
  { path: "/page.js", permission: "public", what: "of the page" },
];

/** Largest body of a command. */
export const BODY_BYTES_MAX = 65_536;

function visitorOf(asked: Asked): Visitor {
  const bindings = (asked.env ?? {}) as ControlBindings;
  return { headers: asked.req.raw.headers, remote: bindings.incoming?.socket.remoteAddress ?? bindings.remote ?? null };
}

function lastEventId(asked: Asked): number | null {
  const text = asked.req.header("last-event-id");
  if (text === undefined || text === "") return null;
  const seq = Number(text);
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(seq)) return seq;
  throw new BursarError(
    "invalid_request",
    `Last-Event-ID is ${JSON.stringify(text.slice(0, 40))}; it takes the id of an event, a whole number.`,
  );
}

async function serveCommand(options: ControlOptions, command: Command, asked: Asked): Promise<Response> {
  const actor = authorize(options.auth, visitorOf(asked), command.permission);
  const { input, preview } = await readRequest(command, asked.req);
  if (preview) return asked.json({ preview: previewOf(command, options.needs, { input, actor }) });
  return asked.json((await answer(command, options.needs, { input, actor })) as Record<string, unknown>);
}

async function serveFeed(
  options: ControlOptions,
  feed: Feed,
  of: { asked: Asked; open: Set<AbortController> },
): Promise<Response> {
  const { asked, open } = of;
  const actor = authorize(options.auth, visitorOf(asked), feed.permission);
  const { input } = await readRequest(feed, asked.req);
  const after = lastEventId(asked);
  const leaving = new AbortController();
  const items = openFeed(feed, options.needs, { input, actor, after, signal: leaving.signal });
  open.add(leaving);
  const stop = (): void => {
    leaving.abort();
    open.delete(leaving);
  };
  asked.header("content-type", "text/event-stream; charset=utf-8");
  asked.header("x-accel-buffering", "no");
  return asked.body(eventStream({ feed: items, stop }));
}

function addDesk(app: Hono<Env>, options: ControlOptions, open: Set<AbortController>): void {
  for (const command of options.table) {
    const path = `/api/v1${command.path}`;
    const serve =
      command.kind === "feed"
        ? (asked: Asked) => serveFeed(options, command, { asked, open })
        : (asked: Asked) => serveCommand(options, command, asked);
    if (command.method === "GET") app.get(path, serve);
    else {
      const tooLarge = (): never => {
        throw new BursarError("body_too_large", `The body exceeds ${BODY_BYTES_MAX} bytes.`, { limit: BODY_BYTES_MAX });
      };
      app.post(path, bodyLimit({ maxSize: BODY_BYTES_MAX, onError: tooLarge }), serve);
    }
  }
}

/** Routes beside the table: what a machine asks before it may ask anything, and the page. */
function addPlain(app: Hono<Env>, options: ControlOptions): void {
  const { needs, auth } = options;
  const openapi = openapiOf(options.table, needs.server().version);
  app.get("/healthz", (asked) => asked.json({ ok: true, version: needs.server().version }));
  app.get("/readyz", (asked) => {
    const reason = needs.notReady();
    return reason === null ? asked.json({ ok: true }) : asked.json({ ok: false, reason }, 503);
  });
  app.get("/metrics", (asked) => {
    authorize(auth, visitorOf(asked), "read");
    return asked.text(metricsText(needs), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  });
  app.get("/api/v1/openapi.json", (asked) => asked.json(openapi));
  for (const file of readPage()) {
    app.get(file.path, (asked) =>
      asked.body(file.body, 200, { "content-type": file.type, "content-security-policy": PAGE_POLICY }),
    );
  }
}

function addErrors(app: Hono<Env>, options: ControlOptions): void {
  const desk = options.table.map(({ method, path }) => ({ method, path: `/api/v1${path}` }));
  for (const { method, path } of [...PLAIN_ROUTES.map((route) => ({ method: "GET", path: route.path })), ...desk]) {
    app.all(path, (asked) => {
      asked.header("allow", method === "GET" ? "GET, HEAD" : method);
      throw new BursarError("method_not_allowed", `${path} takes ${method}, not ${asked.req.method}.`, {
        path,
        method: asked.req.method,
      });
    });
  }
  app.notFound((asked) => {
    const error = new BursarError(
      "route_unknown",
      `There is no ${asked.req.method} ${asked.req.path}. /api/v1/openapi.json lists every route.`,
    );
    return asked.json(errorBody(error), 404);
  });
  app.onError((cause, asked) => {
    const error = asBursarError(cause);
    if (error.code === "internal") options.fault(cause);
    return asked.json(errorBody(error), error.status as 400);
  });
}

/** Opens the control plane over a table. Throws when the table is wrong. */
export function openControl(options: ControlOptions): Control {
  assertTable(options.table);
  const app = new Hono<Env>({ strict: true });
  const open = new Set<AbortController>();
  app.use("*", async (asked, next) => {
    await next();
    asked.header("x-content-type-options", "nosniff");
    asked.header("referrer-policy", "no-referrer");
    asked.header("cross-origin-resource-policy", "same-origin");
    asked.header("cache-control", "no-store");
  });
  addPlain(app, options);
  addDesk(app, options, open);
  addErrors(app, options);
  const fetch = async (request: Request, bindings: ControlBindings = {}): Promise<Response> => app.fetch(request, bindings);
  const listener = getRequestListener((request, env) => fetch(request, env as HttpBindings), { overrideGlobalObjects: false });
  return {
    fetch,
    listener: (request, response) => {
      listener(request, response).catch(options.fault);
    },
    // `ALL` rows are the middleware and the answers to wrong methods.
    routes: () => app.routes.filter((route) => route.method !== "ALL").map(({ method, path }) => ({ method, path })),
    close() {
      for (const leaving of open) leaving.abort();
      open.clear();
    },
  };
}

/**
 * The simulated provider as a server of its own, reached through a real socket: the POST routes of OpenAI and Anthropic
 * (also without /v1) and of Gemini, GET /v1/models and /v1beta/models, GET and DELETE /sim/bill, GET /healthz. Money path: fails closed — it
 * stops making tokens, and so billing them, only when it sees that the client is gone.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { UpstreamFailure } from "../../call/needs.js";
import { billJson } from "./bill.js";
import { openEngine, type SimulatorEngine, type SimulatorOptions } from "./engine.js";
import { spokenAt } from "./path.js";
import { Refusal, refusalBody } from "./refusal.js";

/** Bodies up to this many bytes are read. */
const BODY_MAX = 64 * 1_048_576;

function send(response: ServerResponse, status: number, json: string): void {
  response.writeHead(status, { "content-type": "application/json" }).end(json);
}

const failure = (message: string): string =>
  JSON.stringify({ error: { message, type: "invalid_request_error", param: null, code: null } });

async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > BODY_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function headersOf(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) if (typeof value === "string") headers[name] = value;
  return headers;
}

/** Writes one chunk and waits until the socket has room again or is gone. */
async function write(response: ServerResponse, chunk: Uint8Array, signal: AbortSignal): Promise<void> {
  if (response.write(chunk) || signal.aborted) return;
  await once(response, "drain", { signal }).catch((error: unknown) => {
    // The client left while its socket was full; the loop sees the signal and stops.
    if (!signal.aborted) throw error;
  });
}

async function serveCall(engine: SimulatorEngine, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = request.url ?? "/";
  const spoken = spokenAt(url);
  if (spoken === null) return send(response, 404, unknownPath(url));
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  const body = await readBody(request);
  if (body === null) return send(response, 413, failure(`The body exceeds ${BODY_MAX} bytes.`));
  const answer = await engine.answer({ dialect: spoken.dialect, ...spoken.path, headers: headersOf(request), body }, gone.signal);
  response.writeHead(answer.status, answer.headers);
  if (answer.headers["content-type"]?.startsWith("text/event-stream") === true || spoken.path.stream === true)
    response.flushHeaders();
  for await (const chunk of answer.body) {
    await write(response, chunk, gone.signal);
    if (gone.signal.aborted) break;
  }
  response.end();
}

/** A path that is not known, in the shape of whose API it lies in. */
function unknownPath(url: string): string {
  const path = url.split("?")[0] ?? "/";
  const dialect = path.startsWith("/v1beta") ? "gemini-generate" : "openai-chat";
  return refusalBody(new Refusal(404, `Unknown path ${path}`), dialect, "");
}

function openAiModels(engine: SimulatorEngine): string {
  const data = engine.table.models.map(({ name, provider }) => ({ id: name, object: "model", created: 0, owned_by: provider }));
  return JSON.stringify({ object: "list", data });
}

/** https://ai.google.dev/api/models, November 2026. */
function geminiModels(engine: SimulatorEngine): string {
  const own = engine.table.models.filter(({ provider }) => provider === "gemini");
  const models = own.map(({ name }) => ({
    name: `models/${name}`,
    version: name,
    displayName: name,
    supportedGenerationMethods: /embedding/.test(name)
      ? ["embedContent", "batchEmbedContents", "countTokens"]
      : ["generateContent", "streamGenerateContent", "countTokens"],
  }));
  return JSON.stringify({ models });
}

async function route(engine: SimulatorEngine, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? "/").split("?")[0] ?? "/";
  const { method } = request;
  if (method === "POST") return serveCall(engine, request, response);
  if (path === "/sim/bill" && method === "GET") return send(response, 200, billJson(engine.bill()));
  if (path === "/sim/bill" && method === "DELETE") {
    engine.clearBill();
    return send(response, 200, billJson(engine.bill()));
  }
  if (path === "/healthz" && (method === "GET" || method === "HEAD")) return send(response, 200, '{"status":"ok"}');
  if (/^(?:\/v1)?\/models$/.test(path) && method === "GET") return send(response, 200, openAiModels(engine));
  if (path === "/v1beta/models" && method === "GET") return send(response, 200, geminiModels(engine));
  if (path === "/" && method === "HEAD") return send(response, 200, "");
  send(response, 404, unknownPath(path));
}

/**
 * Starts a simulator on `host`:`port` (0: any free port) and answers its address. `close` ends every connection. Rejects
 * with the socket's error when the port cannot be had.
 */
export async function openSimulatorServer(
  options: SimulatorOptions & { readonly host?: string; readonly port?: number },
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const engine = openEngine(options);
  const server = createServer({ keepAliveTimeout: 65_000, noDelay: true }, (request, response) => {
    response.on("error", () => response.destroy());
    route(engine, request, response).catch((error: unknown) => {
      // A reset that was asked for, or a client that left: both end the socket. Anything else is our own fault.
      if (!(error instanceof UpstreamFailure) && !response.destroyed && !response.headersSent)
        return send(response, 500, failure(`The simulator failed: ${String(error)}`));
      response.destroy();
    });
  });
  const host = options.host ?? "127.0.0.1";
  server.listen(options.port ?? 0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

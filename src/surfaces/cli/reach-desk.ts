import { resolve } from "node:path";
import { BursarError } from "../../accounting/errors.js";
import { DATA_DIRECTORY } from "../../config/load.js";
import { type Actor, type AnyCommand, answer, type Command, type Feed, openFeed, previewOf } from "../../desk/command.js";
import { errorOf, requestOf } from "../../desk/http-request.js";
import type { CliNeeds, Standalone } from "./needs.js";

/** Options that every command takes. */
export interface ReachFlags {
  readonly url?: string;
  readonly token?: string;
  readonly key?: string;
  readonly data?: string;
  readonly config?: string;
}

/** The desk, wherever it is: in a running server or in this process. */
export interface ReachedDesk {
  ask(command: Command, input: Record<string, unknown>): Promise<unknown>;
  preview(command: Command, input: Record<string, unknown>): Promise<string>;
  /** JSON text of each item, until `signal` aborts or the server ends it. */
  follow(feed: Feed, input: Record<string, unknown>, signal: AbortSignal): AsyncIterable<string>;
  close(): Promise<void>;
}

async function request(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (cause) {
    if (init.signal?.aborted === true) throw cause;
    throw new BursarError(
      "upstream_unreachable",
      `No Bursar answers at ${new URL(url).origin}. Is it running there? bursar up`,
      {},
      { cause },
    );
  }
  if (response.ok) return response;
  throw errorOf(response.status, await response.json().catch(() => null));
}

/** Data lines of a stream of server-sent events, as they come. */
async function* dataLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of body as unknown as AsyncIterable<Uint8Array>) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data: ")) yield line.slice("data: ".length);
  }
}

function attached(url: string, token: string | null, key: string | null): ReachedDesk {
  async function send(
    command: AnyCommand,
    input: Record<string, unknown>,
    more: { query?: string; signal?: AbortSignal } = {},
  ): Promise<Response> {
    const { method, path, body } = requestOf(command, input);
    const credential = command.permission === "self" ? key : token;
    const headers: Record<string, string> = {};
    if (credential !== null) headers.authorization = `Bearer ${credential}`;
    if (body !== null) headers["content-type"] = "application/json";
    const signal = more.signal === undefined ? {} : { signal: more.signal };
    return request(`${url}/api/v1${path}${more.query ?? ""}`, { method, headers, body, ...signal });
  }
  return {
    ask: async (command, input) => (await send(command, input)).json(),
    async preview(command, input) {
      const said = (await (await send(command, input, { query: "?preview=true" })).json()) as { preview: string };
      return said.preview;
    },
    async *follow(feed, input, signal) {
      const response = await send(feed, input, { signal });
      try {
        if (response.body !== null) yield* dataLines(response.body);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
    async close() {},
  };
}

function inProcess(open: Standalone, of: { key: string | null; actor: string }): ReachedDesk {
  const actorFor = (command: AnyCommand): Actor => {
    if (command.permission !== "self") return { name: of.actor, key: null };
    const key = of.key === null ? null : open.findKey(of.key);
    if (of.key !== null && key === null)
      throw new BursarError("unauthorized", "The key is not known. It must be one of the keys of bursar.yaml.");
    return { name: of.actor, key };
  };
  return {
    ask: async (command, input) => answer(command, open.desk, { input, actor: actorFor(command) }),
    preview: async (command, input) => previewOf(command, open.desk, { input, actor: actorFor(command) }),
    async *follow(feed, input, signal) {
      for await (const item of openFeed(feed, open.desk, { input, actor: actorFor(feed), after: null, signal })) {
        if (item.kind === "entry") yield item.json;
      }
    },
    close: () => open.close(),
  };
}

/** Attaches to the server that `--url` names or that runs on the data directory; without one, opens the ledger itself. */
export async function reachDesk(needs: CliNeeds, flags: ReachFlags): Promise<ReachedDesk> {
  const key = flags.key ?? needs.env.BURSAR_KEY ?? null;
  const config = {
    ...(flags.data === undefined ? {} : { data: flags.data }),
    ...(flags.config === undefined ? {} : { config: flags.config }),
  };
  const given = flags.token ?? (needs.env.BURSAR_ADMIN_TOKEN || null);
  if (flags.url !== undefined) return attached(flags.url.replace(/\/+$/, ""), given, key);
  const directory = resolve(needs.cwd, flags.data ?? (needs.env.BURSAR_DATA || DATA_DIRECTORY));
  const address = await needs.readServer(directory);
  if (address !== null) return attached(address, given ?? needs.configuredToken(config), key);
  return inProcess(await needs.openStandalone(config), {
    key,
    actor: `cli:${needs.env.USER ?? needs.env.USERNAME ?? "unknown"}`,
  });
}

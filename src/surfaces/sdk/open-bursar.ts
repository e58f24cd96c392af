/**
 * Bursar in the same process: the same road, ledger and desk as behind the gateway, without HTTP. When a server already
 * holds the data directory, the same calls go to it. Money path: fails closed.
 */
import { BursarError } from "../../accounting/errors.js";
import { loadConfig } from "../../config/load.js";
import { type Actor, answer, type Command } from "../../desk/command.js";
import { DESK_TABLE } from "../../desk/table.js";
import { readServer } from "../../stores/sqlite/lock.js";
import { type Core, openCore } from "../assemble.js";
import { type AiMiddleware, openAiMiddleware } from "./ai-sdk/middleware.js";
import { attachClient } from "./attach.js";
import { type LangChainHandler, openLangChainCallbacks } from "./langchain/callback.js";
import { providerAt, providerNamed } from "./provider-at.js";
import { openTaskScopes, type TaskHandle, type TaskOptions } from "./task-scope.js";
import { type SdkCore, trackedFetch } from "./tracked-fetch.js";
import { wrapClient } from "./wrap.js";

/** How an SDK is opened: over its own ledger (`config`, `data`), or attached to a server (`url`, `key`). */
export interface BursarOptions {
  /** Path of `bursar.yaml`; default: the file in the working directory, else none. */
  readonly config?: string;
  /** Data directory; default as for `bursar up`. */
  readonly data?: string;
  /** Agent of calls outside any task. */
  readonly agent?: string;
  /** Attach to this server instead of opening a ledger. */
  readonly url?: string;
  /** Data-plane key for that server. */
  readonly key?: string;
  /** Environment to read configuration from; default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Told of troubles; default: silent. */
  readonly tell?: (line: string, error?: unknown) => void;
}

/** An open Bursar. */
export interface Bursar {
  /** The same client, metered: its calls are held, sent and posted. Takes clients of openai, @anthropic-ai/sdk and @google/genai. */
  wrap<T extends object>(client: T): T;
  /** A metered fetch for any library that takes one: `createOpenAI({ fetch: bursar.fetch })`. Hosts of unknown providers are refused. */
  readonly fetch: typeof globalThis.fetch;
  /**
   * AI SDK middleware (specification v3) for a model of any provider: `wrapLanguageModel({ model, middleware })`. Not with
   * `fetch` for the same model: the call would be counted twice. Throws `not_built` when attached to a server.
   */
  middleware(): AiMiddleware;
  /**
   * A LangChain callback handler: `new ChatOpenAI({ callbacks: [bursar.callback()], maxRetries: 0 })`. It admits and settles;
   * it cannot cut a stream. Not together with `fetch`. Throws `not_built` when attached to a server.
   */
  callback(): LangChainHandler;
  /** Runs work as one task: every wrapped call inside is attributed to it. Returns what the work returns. */
  task<T>(name: string, work: (task: TaskHandle) => Promise<T>): Promise<T>;
  task<T>(name: string, options: TaskOptions, work: (task: TaskHandle) => Promise<T>): Promise<T>;
  /** Any command of the desk by name, e.g. `ask("budget raise", { name: "task-cap", amount: "1.00" })`. */
  ask(command: string, input?: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** The same as `GET /api/v1/status`. */
  status(): Promise<unknown>;
  /** Where a server listens that this SDK is attached to; null when it runs in this process. */
  readonly attachedTo: string | null;
  close(): Promise<void>;
}

const ACTOR: Actor = { name: "sdk", key: null };
const LOCAL_KEY = "local";

function commandNamed(name: string): Command {
  const found = DESK_TABLE.find((command) => command.name === name);
  if (found === undefined || found.kind !== "answer") {
    const names = DESK_TABLE.filter((command) => command.kind === "answer").map((command) => command.name);
    throw new BursarError("not_found", `There is no command "${name}". Known: ${names.join(", ")}.`);
  }
  return found;
}

function taskOf(scopes: ReturnType<typeof openTaskScopes>): Bursar["task"] {
  return <T>(
    name: string,
    second: TaskOptions | ((task: TaskHandle) => Promise<T>),
    third?: (task: TaskHandle) => Promise<T>,
  ) => {
    const options = typeof second === "function" ? {} : second;
    const work = typeof second === "function" ? second : third;
    if (work === undefined) throw new BursarError("invalid_request", `task("${name}") needs a function to run.`);
    return scopes.run(name, options, work);
  };
}

function sdkCoreOf(core: Core, scopes: SdkCore["scopes"]): SdkCore {
  return {
    road: core.road,
    dialects: core.dialects,
    prices: core.desk.prices,
    scopes,
    get firstByteMs() {
      return core.providing().config.limits.first_byte_ms;
    },
    providerAt: (host) => providerAt(core.providing().config.providers, host),
    providerNamed: (name) => providerNamed(core.providing().config.providers, name),
    simulatedFor(provider, dialect) {
      const { config, providers } = core.providing();
      // Without a file nobody asked for a simulation: the wrapped client's own connection is as real as before.
      if (config.path === null) return null;
      const own = providers.find((open) => open.name === provider && open.kind !== "simulated");
      const simulated = providers.find((open) => open.kind === "simulated" && open.upstreams.has(dialect));
      return own === undefined ? (simulated?.upstreams.get(dialect) ?? null) : null;
    },
  };
}

async function openOwn(options: BursarOptions): Promise<Core> {
  const env = options.env ?? process.env;
  const flags = {
    ...(options.config === undefined ? {} : { config: options.config }),
    ...(options.data === undefined ? {} : { data: options.data }),
  };
  const load = { env, cwd: process.cwd(), flags };
  const config = loadConfig(load);
  return openCore({ config, load, ...(options.tell === undefined ? {} : { tell: options.tell }) });
}

/** The address of a server that holds the directory, when that is why a ledger could not be opened. */
async function runningInstead(error: unknown, options: BursarOptions): Promise<string> {
  const env = options.env ?? process.env;
  if (!(error instanceof BursarError) || error.code !== "ledger_locked") throw error;
  const directory = options.data ?? env.BURSAR_DATA ?? ".bursar";
  const running = await readServer(directory);
  if (running?.address === undefined || running.address === null) throw error;
  return running.address;
}

function refuseAttached(what: string, url: string): never {
  const message = `${what} needs the ledger in this process, and this SDK is attached to ${url}. Use bursar.wrap(client) or bursar.fetch.`;
  throw new BursarError("not_built", message);
}

function attached(url: string, options: BursarOptions): Bursar {
  const scopes = openTaskScopes(options.agent === undefined ? {} : { agent: options.agent });
  const client = attachClient({
    url,
    key: options.key ?? LOCAL_KEY,
    scopes,
    adminToken: (options.env ?? process.env).BURSAR_ADMIN_TOKEN ?? null,
  });
  return {
    wrap: client.wrap,
    fetch: client.fetch,
    middleware: () => refuseAttached("middleware()", url),
    callback: () => refuseAttached("callback()", url),
    task: taskOf(scopes),
    ask: (name, input = {}) => client.ask(commandNamed(name), input),
    status: () => client.ask(commandNamed("status"), {}),
    attachedTo: url,
    close: async () => undefined,
  };
}

/** Opens Bursar in this process, or attaches to a server. Throws BursarError: `config_invalid`, `ledger_corrupt`, … */
export async function openBursar(options: BursarOptions = {}): Promise<Bursar> {
  if (options.url !== undefined) return attached(options.url.replace(/\/$/, ""), options);
  let core: Core;
  try {
    core = await openOwn(options);
  } catch (error) {
    return attached(await runningInstead(error, options), options);
  }
  const scopes = openTaskScopes(options.agent === undefined ? {} : { agent: options.agent });
  const sdk = sdkCoreOf(core, scopes);
  const callbacks = openLangChainCallbacks(sdk);
  return {
    wrap: (client) => wrapClient(client, (own) => trackedFetch(sdk, { fetch: own, anyHost: true })),
    fetch: trackedFetch(sdk, { fetch: (input, init) => globalThis.fetch(input, init), anyHost: false }),
    middleware: () => openAiMiddleware(sdk),
    callback: callbacks.handler,
    task: taskOf(scopes),
    ask: (name, input = {}) => answer(commandNamed(name), core.desk, { input, actor: ACTOR }),
    status: () => answer(commandNamed("status"), core.desk, { input: {}, actor: ACTOR }),
    attachedTo: null,
    async close() {
      await callbacks.close();
      await core.close();
    },
  };
}

/**
 * Puts Bursar together: the only file that knows everyone. Money path: fails closed — nothing is served before the
 * ledger is open and the budgets are declared in it.
 */
import { createHash } from "node:crypto";
import { BursarError } from "../accounting/errors.js";
import { openVerifier } from "../accounting/ledger/verify.js";
import { priceAlarms } from "../accounting/price/price-book.js";
import type { PriceBook } from "../accounting/price/price-row.js";
import type { CallNeeds, CallObserved, Clock, Dialect, DialectName } from "../call/needs.js";
import { openReplies } from "../call/replies.js";
import { openRoad, type Road } from "../call/run-call.js";
import { agentSettings, type Config } from "../config/config.js";
import type { LoadOptions } from "../config/load.js";
import { type ConfigWatch, watchConfig } from "../config/watch.js";
import { openMeasures } from "../desk/measures.js";
import type { DeskNeeds, ProviderFacts, ServerFacts } from "../desk/needs.js";
import { openRecentCalls } from "../desk/recent-calls.js";
import { DESK_TABLE } from "../desk/table.js";
import { DIALECTS } from "../providers/dialects.js";
import type { ProviderNeeds } from "../providers/registry.js";
import { type OpenLedger, openJournal } from "../stores/journal.js";
import { openSqlite, type SqlitePersistence } from "../stores/sqlite/open-sqlite.js";
import { openControl } from "./control/open-control.js";
import { openEstimator } from "./estimator.js";
import { openGateway } from "./gateway/server.js";
import { openProviding, type Providing } from "./providing.js";
import { openCallIds, systemClock } from "./system-clock.js";
import { readVersion } from "./version.js";

/** How Bursar is put together. */
export interface AssembleOptions {
  readonly config: Config;
  /** What the configuration was loaded from; given, the file is followed and reloaded. */
  readonly load?: LoadOptions;
  /** Told of everything a person should read: reloads, troubles, faults. Must not throw; never holds a secret. */
  readonly tell?: (line: string, error?: unknown) => void;
  readonly simulator?: ProviderNeeds["simulator"];
}

/** Bursar without a server: ledger, road and desk in this process. */
export interface Core {
  readonly clock: Clock;
  readonly ledger: OpenLedger;
  readonly road: Road;
  readonly desk: DeskNeeds;
  readonly dialects: ReadonlyMap<DialectName, Dialect>;
  /** What is in force now; a reload changes it. */
  providing(): Providing;
  /** Where the server listens, once it does: other processes find it by that. */
  announce(address: string): void;
  /** Takes no more calls, waits for those in flight up to `graceMs`, then closes the ledger. */
  close(graceMs?: number): Promise<void>;
}

const GRACE_MS = 10_000;
const ACTOR = "config";

function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

async function verifyStored(persistence: SqlitePersistence) {
  const verifier = openVerifier({ sha256 });
  for await (const line of persistence.stored(1)) verifier.check(line);
  return verifier.finish();
}

function modeOf(providing: Providing, name: string): ProviderFacts["mode"] {
  const open = providing.providers.find((provider) => provider.name === name);
  if (open === undefined || open.kind === "simulated") return "simulated";
  return [...open.upstreams.values()].every((upstream) => upstream === null) ? "keyless" : "real";
}

/** Told, not refused: prices of the file that are far from the published ones (a negotiated one may be), and idle fallbacks. */
function tellWarnings(options: AssembleOptions, { config, warnings }: Providing, now: number): void {
  for (const alarm of priceAlarms(config.prices?.overrides ?? [], now)) options.tell?.(`Check your prices file: ${alarm}`);
  for (const warning of warnings) options.tell?.(warning);
}

async function declare(ledger: OpenLedger, config: Config, reason: string): Promise<void> {
  const [result] = await ledger.apply([{ type: "declare", budgets: config.budgets, actor: ACTOR, reason }]);
  if (result?.ok !== true) throw new BursarError("internal", "The budgets of the configuration could not be declared.");
}

/** Follows the configuration file: a good one replaces what is in force, a bad one is told and changes nothing. */
function follow(
  options: AssembleOptions,
  core: { ledger: OpenLedger; clock: Clock; current: { providing: Providing } },
): ConfigWatch | null {
  const { config, load, tell } = options;
  if (load === undefined || config.path === null) return null;
  const simulator = options.simulator === undefined ? {} : { simulator: options.simulator };
  const take = async (next: Config): Promise<void> => {
    core.current.providing = openProviding({ config: next, clock: core.clock, previous: core.current.providing, ...simulator });
    await declare(core.ledger, core.current.providing.config, "the configuration file changed");
    tellWarnings(options, core.current.providing, core.clock.now());
    tell?.(`Configuration reloaded from ${next.path}.`);
  };
  return watchConfig({
    ...load,
    path: config.path,
    current: config,
    onGood: (next) => {
      take(next).catch((error: unknown) =>
        tell?.("The new configuration could not be put in force; the last good one stays.", error),
      );
    },
    onBad: (problems) => {
      const lines = problems.map(
        (problem) => `${problem.file}:${problem.line ?? 1}:${problem.column ?? 1} ${problem.message} ${problem.suggestion}`,
      );
      tell?.(`The configuration file has errors; the last good one stays in force.\n${lines.join("\n")}`);
    },
  });
}

/** Prices that follow a reload. */
function livePrices(providing: () => Providing): PriceBook {
  return {
    resolve: (query) => providing().prices.resolve(query),
    providerOf: (model) => providing().prices.providerOf(model),
    byId: (id) => providing().prices.byId(id),
    dearest: (provider, at) => providing().prices.dearest(provider, at),
    list: (at) => providing().prices.list(at),
  };
}

/** What the road needs, over what is in force at the time of each call. */
function callNeedsOf(of: {
  clock: Clock;
  ledger: OpenLedger;
  providing: () => Providing;
  observe: CallNeeds["observe"];
}): CallNeeds {
  const { clock, ledger, providing, observe } = of;
  return {
    clock,
    newId: openCallIds(),
    ledger,
    prices: livePrices(providing),
    catalog: { candidates: (query) => providing().catalog.candidates(query) },
    estimator: openEstimator(),
    agent: (name) => agentSettings(providing().config, name),
    observe,
    get limits() {
      return providing().config.limits;
    },
  };
}

/** What is running, for the start box, status and the page. */
function factsOf(of: { providing: () => Providing; address: () => string | null; startedAt: number }): () => ServerFacts {
  const version = readVersion();
  return () => {
    const providing = of.providing();
    const { config } = providing;
    return {
      version,
      address: of.address(),
      data_directory: config.data,
      config_path: config.path,
      started_at: of.startedAt,
      providers: config.serving.map(({ provider }) => ({ name: provider, mode: modeOf(providing, provider) })),
    };
  };
}

/** Opens ledger, providers, road and desk. Throws BursarError: `ledger_locked`, `ledger_corrupt`, `config_invalid`, … */
export async function openCore(options: AssembleOptions): Promise<Core> {
  const { config, tell } = options;
  const clock = systemClock(options.tell);
  const startedAt = clock.now();
  const simulator = options.simulator === undefined ? {} : { simulator: options.simulator };
  const current = { providing: openProviding({ config, clock, ...simulator }) };
  const providing = (): Providing => current.providing;
  const onTrouble = (error: unknown): void => tell?.("Trouble with the data directory.", error);
  const persistence = await openSqlite({ directory: config.data, clock, onTrouble });
  const ledger = await openJournal({ persistence, clock, fault: (error) => tell?.("A reader of the log failed.", error) });
  await declare(ledger, current.providing.config, "the configuration at start");
  tellWarnings(options, providing(), startedAt);
  const calls = await openRecentCalls({ ledger });
  const measures = openMeasures({ ledger });
  let address: string | null = null;
  const observe = (event: CallObserved): void => {
    measures.observe(event);
    if (event.kind === "fault") tell?.(`Call ${event.call_id}: ${event.reason ?? "fault"}`, event.error);
  };
  const needs = callNeedsOf({ clock, ledger, providing, observe });
  const replies = openReplies({ ledger, clock }, () => providing().config.content);
  // In the background: a day of a busy fleet is millions of entries, and only calls with a key wait for it.
  replies.load().catch((error: unknown) => tell?.("The Idempotency-Keys of the last day cannot be read.", error));
  const road = openRoad(needs, replies);
  const watch = follow(options, { ledger, clock, current });
  const server = factsOf({ providing, address: () => address, startedAt });
  const verify = (): ReturnType<DeskNeeds["verify"]> => verifyStored(persistence);
  const notReady = (): string | null => ledger.failure()?.message ?? null;
  return {
    clock,
    ledger,
    road,
    dialects: DIALECTS,
    desk: { ledger, prices: needs.prices, clock, calls, measures, server, verify, notReady },
    providing,
    announce(at) {
      address = at;
      persistence.announce(at);
    },
    async close(graceMs = GRACE_MS) {
      watch?.close();
      const until = clock.monotonic() + graceMs;
      while (road.active.size > 0 && clock.monotonic() < until) await clock.sleep(20);
      road.close();
      calls.close();
      measures.close();
      await ledger.close();
      await Promise.all(current.providing.providers.map((provider) => provider.close()));
    },
  };
}

/** A serving Bursar. */
export interface RunningServer {
  /** `http://127.0.0.1:4141`. */
  readonly url: string;
  readonly port: number;
  readonly core: Core;
  /** What serves, for the start box. */
  facts(): ServerFacts;
  /** Drains and closes: no new call, those in flight up to `graceMs`, then the rest is cut and settled. */
  close(graceMs?: number): Promise<void>;
}

/** Opens the core and serves gateway, control plane and page on the configured address. */
export async function openServer(options: AssembleOptions): Promise<RunningServer> {
  const core = await openCore(options);
  const { config, tell } = options;
  const fault = (error: unknown): void => tell?.("Bursar failed on a request.", error);
  const anyKey = (): boolean => core.providing().config.keys.some((key) => key.token === null);
  const control = openControl({
    table: DESK_TABLE,
    needs: core.desk,
    auth: {
      adminToken: () => core.providing().config.server.admin_token?.reveal() ?? null,
      findKey: (token) => core.providing().identify(token),
      anyKey,
    },
    fault,
  });
  try {
    const gateway = await openGateway({
      host: config.server.host,
      port: config.server.port,
      bodyBytesMax: config.limits.body_bytes_max,
      road: core.road,
      dialects: core.dialects,
      identify: (token) => core.providing().identify(token),
      anyKey,
      models: () => core.providing().models(),
      control: control.listener,
      newId: openCallIds(),
      fault,
    });
    core.announce(gateway.url);
    return {
      url: gateway.url,
      port: gateway.port,
      core,
      facts: core.desk.server,
      async close(graceMs = GRACE_MS) {
        control.close();
        await gateway.close(graceMs);
        await core.close(graceMs);
      },
    };
  } catch (error) {
    control.close();
    await core.close(0);
    throw error;
  }
}

// The configuration as the rest of Bursar reads it: plain, complete, read-only. Money path: fails closed; it exists only
// when nothing in the file is wrong.
import type { Budget, Unit } from "../accounting/budget/budget.js";
import { matchesGlob } from "../accounting/budget/scope.js";
import type { PriceOverride } from "../accounting/price/prices-file.js";
import type { KeyIdentity } from "../call/identify.js";
import type { AgentSettings, CallLimits } from "../call/needs.js";
import { kindOf } from "./cross-checks.js";
import type { Place } from "./problem.js";
import { type BudgetInFile, type ConfigFile, OUTPUT_DEFAULT, type ProviderKindName, type TIER_NAMES } from "./schema.js";
import type { Secret } from "./secret.js";

/** A provider that models are served by. */
export interface ProviderSettings {
  readonly name: string;
  readonly kind: ProviderKindName;
  readonly api_key?: Secret;
  /** Without a trailing slash. */
  readonly base_url?: string;
  /** Its models cost nothing. */
  readonly free: boolean;
  /** Clients' own credentials are sent to it (subscriptions of coding agents). */
  readonly passthrough?: boolean;
  /** The cost that it tells in its usage is believed. */
  readonly trust_cost?: boolean;
  /** Azure's `api-version`. */
  readonly api_version?: string;
}

/** A client's key: what it presents and what that stands for. */
export interface KeySettings {
  /** Null: any token, and none, is this key (only without a configuration file). */
  readonly token: Secret | null;
  readonly identity: KeyIdentity;
}

/** Settings of the agents that `name` (a name or a glob) means. */
export interface AgentRule extends AgentSettings {
  readonly name: string;
  readonly type?: string;
  readonly criticality: "normal" | "critical";
  readonly tier_max?: (typeof TIER_NAMES)[number];
}

/** Models to try, in order, when a model that `model` (a name or a glob) means has failed. */
export interface FallbackRule {
  readonly model: string;
  readonly fallbacks: readonly string[];
}

/** Whether a provider answers for real, for the start box. */
export interface Serving {
  readonly provider: string;
  readonly mode: "real" | "simulated";
  /** In a few words, e.g. `OPENAI_API_KEY is not set`. */
  readonly why: string;
}

/** Where a value came from. */
export type Origin =
  | { readonly from: "flag" | "env"; readonly name: string }
  | { readonly from: "file"; readonly place: Place }
  | { readonly from: "default" };

/** Everything that `bursar.yaml`, environment and flags say. Amounts in nano-dollars, times in milliseconds. */
export interface Config {
  /** Absolute path of the file; null without one. */
  readonly path: string | null;
  /** Absolute path of the data directory. */
  readonly data: string;
  readonly timezone: string;
  readonly week_start: "monday" | "sunday";
  readonly providers: readonly ProviderSettings[];
  readonly serving: readonly Serving[];
  /** The prices file, absolute, and what it says; null when there is none. */
  readonly prices: { readonly path: string; readonly overrides: readonly PriceOverride[] } | null;
  readonly tiers: Readonly<Record<(typeof TIER_NAMES)[number], readonly string[]>>;
  /** In the order of the file: the first that matches a model counts. */
  readonly fallbacks: readonly FallbackRule[];
  readonly keys: readonly KeySettings[];
  /** In the order of the file. */
  readonly agents: readonly AgentRule[];
  readonly budgets: readonly Budget[];
  /** Every saving is off in this version; the share that will run without them. */
  readonly savings: { readonly hold_out: number };
  readonly content: { readonly keep: "memory" | "off"; readonly max_bytes: number; readonly for_ms: number };
  readonly server: { readonly host: string; readonly port: number; readonly admin_token: Secret | null };
  readonly limits: CallLimits & { readonly body_bytes_max: number };
  /** By path of the file (`server.port`); a path that is not here is at its default. */
  readonly origin: ReadonlyMap<string, Origin>;
}

/** An object without its undefined and null values. */
type Given<T> = { [K in keyof T]?: NonNullable<T[K]> };

function given<T extends object>(values: T): Given<T> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(entries) as Given<T>;
}

function providersOf(file: ConfigFile): ProviderSettings[] {
  return Object.entries(file.providers).flatMap(([name, said]) => {
    const kind = kindOf(name, said.kind);
    if (kind === null) return [];
    const { free, passthrough, trust_cost } = said;
    return [
      {
        name,
        kind,
        free,
        passthrough,
        trust_cost,
        ...given({ api_key: said.api_key, base_url: said.base_url, api_version: said.api_version }),
      },
    ];
  });
}

function keysOf(file: ConfigFile): KeySettings[] {
  return file.keys.map((key) => ({
    token: key.token,
    identity: {
      name: key.name,
      trusts_attribution: key.attribution === "headers",
      ...given({
        team: key.team,
        agent: key.agent,
        user: key.user,
        models: key.models,
        routes: key.routes,
        tool_uses_max: key.tool_uses_max,
        allow_parameters: key.allow_parameters,
        exhausted_status: key.exhausted_status == null ? null : (Number(key.exhausted_status) as 400 | 402 | 403 | 429),
      }),
    },
  }));
}

function agentsOf(file: ConfigFile): AgentRule[] {
  return Object.entries(file.agents).map(([name, said]) => ({
    name,
    output_default: said.output_default,
    criticality: said.criticality,
    ...given({ type: said.type, tier_max: said.tier_max }),
  }));
}

function amountOf(limit: BudgetInFile["limit"]): { readonly unit: Unit; readonly limit: bigint | null } {
  if (limit === "unlimited") return { unit: "tokens", limit: null };
  if (limit.usd !== undefined) return { unit: "usd", limit: limit.usd };
  if (limit.requests !== undefined) return { unit: "requests", limit: limit.requests };
  return { unit: "tokens", limit: limit.tokens ?? 0n };
}

/** Groups of one window by default. Those of a lifetime never end (tasks, mostly), so that many more must fit. */
const WINDOW_ACCOUNTS = 10_000;
const LIFETIME_ACCOUNTS = 1_000_000;

function budgetOf(file: ConfigFile, said: BudgetInFile): Budget {
  return {
    name: said.name,
    match: given(said.match ?? {}),
    per: said.per ?? [],
    ...amountOf(said.limit),
    count: said.count,
    window: said.window,
    timezone: said.timezone ?? file.timezone,
    week_start: file.week_start,
    mode: said.mode,
    ceiling: said.ceiling,
    clamp: said.clamp,
    on_unknown_price: said.on_unknown_price,
    accounts_max: said.accounts_max ?? (said.window.kind === "lifetime" ? LIFETIME_ACCOUNTS : WINDOW_ACCOUNTS),
  };
}

function limitsOf({ limits }: ConfigFile): Config["limits"] {
  return {
    retries_max: limits.retries_max,
    first_byte_ms: limits.first_byte_timeout,
    idle_ms: limits.idle_timeout,
    drain_ms: limits.drain_timeout,
    reply_bytes_max: limits.reply_bytes_max,
    event_bytes_max: limits.event_bytes_max,
    body_bytes_max: limits.body_bytes_max,
  };
}

/** What surrounds the file. */
export type Surroundings = Pick<Config, "path" | "data" | "prices" | "origin">;

/** A checked file as configuration. Pure. */
export function configOf(file: ConfigFile, around: Surroundings): Config {
  const providers = providersOf(file);
  return {
    ...around,
    timezone: file.timezone,
    week_start: file.week_start,
    providers,
    serving: providers.map(({ name, kind }) => ({
      provider: name,
      mode: kind === "simulated" ? "simulated" : "real",
      why: `kind: ${kind}`,
    })),
    tiers: { easy: file.tiers.easy ?? [], medium: file.tiers.medium ?? [], hard: file.tiers.hard ?? [] },
    fallbacks: Object.entries(file.fallbacks).map(([model, fallbacks]) => ({ model, fallbacks })),
    keys: keysOf(file),
    agents: agentsOf(file),
    budgets: file.budgets.map((budget) => budgetOf(file, budget)),
    savings: { hold_out: file.savings.hold_out },
    content: { keep: file.content.keep, max_bytes: file.content.max, for_ms: file.content.for },
    server: { host: file.server.host, port: file.server.port, admin_token: file.server.admin_token ?? null },
    limits: limitsOf(file),
  };
}

/** Settings of one agent: its exact name first, then the first glob of the file that matches, then the defaults. */
export function agentSettings(config: Config, name: string): AgentSettings {
  const exact = config.agents.find((rule) => rule.name === name);
  const rule = exact ?? config.agents.find((one) => matchesGlob(one.name, name));
  return { output_default: rule?.output_default ?? Number(OUTPUT_DEFAULT) };
}

/**
 * `bursar.yaml`, whole: every key, what it means, what it accepts, what it is when left out. Types, messages, the JSON
 * Schema and the reference page come from here. Money path: fails closed; what is off or absent loads, what is not known
 * or not built yet is refused by name, nothing is ignored.
 */
import { z } from "zod";
import type { GroupBy } from "../accounting/budget/budget.js";
import { key } from "./key-schema.js";
import * as the from "./leaf.js";
import { closest } from "./suggest.js";

/** Output tokens assumed for a call that names no cap (3-accounting: The ceiling). */
export const OUTPUT_DEFAULT = "8192";

/** The difficulties that tiers are named by. */
export const TIER_NAMES = ["easy", "medium", "hard"] as const;

/** Kinds of providers that can be written. All but `openai-compatible` and `simulated` are also known by their names. */
export const PROVIDER_KINDS = [
  "openai",
  "anthropic",
  "gemini",
  "azure",
  "openrouter",
  "groq",
  "deepseek",
  "mistral",
  "xai",
  "ollama",
  "vllm",
  "openai-compatible",
  "simulated",
] as const;

/** Name of a kind of provider. */
export type ProviderKindName = (typeof PROVIDER_KINDS)[number];

const GROUPS = ["agent", "task", "task_type", "user", "model", "team", "key"] as const;

const provider = () =>
  z.strictObject({
    kind: the
      .choice(
        { about: "Which API it speaks. openai, anthropic and gemini are known by their names.", example: "openai-compatible" },
        PROVIDER_KINDS,
      )
      .optional(),
    api_key: the
      .secret({
        about: "Its credential. openai and anthropic refuse to start without one.",
        example: the.reference("OPENAI_API_KEY"),
      })
      .optional(),
    base_url: the
      .httpUrl({ about: "Where it is reached; openai-compatible needs it.", example: "http://127.0.0.1:11434/v1" })
      .optional(),
    free: the.withDefault(
      the.toggle({
        about: "Its models cost nothing. The only way a price is 0; for openai-compatible providers.",
        example: "true",
      }),
      "off",
    ),
    passthrough: the.withDefault(
      the.toggle({
        about:
          "Clients' own credentials are sent to it instead of api_key (subscriptions of coding agents); the key of this file then comes as x-bursar-key.",
        example: "on",
      }),
      "off",
    ),
    trust_cost: the.withDefault(
      the.toggle({
        about: "The cost that it tells with its usage is posted instead of price times usage (OpenRouter).",
        example: "on",
      }),
      "off",
    ),
    api_version: the.name({ about: "Azure only: the api-version of every request.", example: "2024-10-21" }).optional(),
  });

const tiers = () => {
  const models = (difficulty: string) =>
    the.names({ about: `Models for ${difficulty} work, in order of preference.`, example: "gpt-4o-mini" }).optional();
  return z.strictObject({ easy: models("easy"), medium: models("medium"), hard: models("hard") });
};

const fallbacks = () => z.record(z.string(), the.names({ about: "Models to try, in order.", example: "gpt-4o-mini" }));

const agent = () =>
  z.strictObject({
    type: the.name({ about: "What kind of work it does, for reports.", example: "research" }).nullish(),
    preset: the.notBuilt("presets", { about: "Budgets by the agent's type (`by-type`).", example: "off" }),
    criticality: the.withDefault(
      the.choice({ about: "Who is stopped last when money is short. No action uses it yet.", example: "critical" }, [
        "normal",
        "critical",
      ]),
      "normal",
    ),
    output_default: the.withDefault(
      the.whole({ about: "Output tokens set aside for a call that names no cap.", example: "2048" }, { min: 1, max: 10_000_000 }),
      OUTPUT_DEFAULT,
    ),
    tier_max: the.choice({ about: "Dearest tier it may use. No router uses it yet.", example: "medium" }, TIER_NAMES).nullish(),
    loops: the.notBuilt("loop detection", { about: "What happens when it runs in circles.", example: "off" }),
  });

/** One of the things a budget can be split by. */
const groupBy = () => {
  const said = { about: `What it is split by: ${GROUPS.join(", ")} or tag:NAME; each group has an account.`, example: "agent" };
  return the.leaf(said, { type: "string" }, (value): the.Read<GroupBy> => {
    const known = GROUPS.find((group) => group === value);
    if (known !== undefined) return { value: known };
    if (typeof value === "string" && /^tag:[^\s,/%:]{1,64}$/.test(value)) return { value: value as GroupBy };
    const near = typeof value === "string" ? closest(value, GROUPS) : null;
    const suggestion = near === null ? "Write it such as agent, or tag:env." : `Did you mean ${near}?`;
    return { wrong: `${the.shown(value)} is not one of ${GROUPS.join(", ")}, tag:NAME.`, suggestion };
  });
};

const match = () => {
  const selector = (what: string, example: string) => the.name({ about: `Glob of the ${what}.`, example }).nullish();
  return z.strictObject({
    agent: selector("agent", "research-*"),
    team: selector("team", "cx"),
    user: selector("user", "ada"),
    model: selector("model, with or without its provider", '"gpt-4o*"'),
    key: selector("key's name", "platform"),
    task_type: selector("task type", "triage"),
    tag: z
      .record(z.string(), the.name({ about: "Glob of the tag's value.", example: "prod" }))
      .meta({ description: "Tags by name, values as globs.", examples: ["{ env: prod }"] })
      .optional(),
  });
};

const limit = () => {
  const about = "Exactly one of tokens, usd and requests; or `unlimited`, which counts tokens and refuses nothing.";
  const amounts = z.strictObject({
    tokens: the.countLimit({ about: "Tokens: 2M, 200k, 1_000. 0 refuses every call.", example: "2M" }).optional(),
    usd: the.usdLimit({ about: "US dollars as plain decimal text. 0 refuses every call.", example: "1.50" }).optional(),
    requests: the.countLimit({ about: "Calls. 0 refuses every call.", example: "600" }).optional(),
  });
  const unlimited = the.leaf({ about, example: "unlimited" }, { enum: ["unlimited"] }, (value): the.Read<"unlimited"> => {
    if (value === "unlimited") return { value };
    const suggestion = "Write it such as { usd: 5000 } or { tokens: 2M }, or unlimited to only count.";
    return { wrong: `${the.shown(value)} is not a limit: it takes one of tokens, usd and requests.`, suggestion };
  });
  return z.union([unlimited, amounts]).meta({ description: about, examples: ["{ usd: 5000 }"] });
};

/** Keys of a budget that are known and not built yet. */
const budgetLater = () => ({
  at: the.notBuilt("budget edges", { about: "What happens at a percentage of the limit.", example: "off" }),
  carry_over: the.notBuilt("carry-over", { about: "Unspent money moves into the next window.", example: "off" }),
  on_store_outage: the.notBuilt("a choice for store outages", {
    about: "What a budget does while the ledger cannot be written; hard budgets refuse.",
    example: "off",
  }),
  on_unknown_outcome: the.notBuilt("a choice for unknown outcomes", {
    about: "What becomes of money when nobody knows what a call cost; it stays counted in full.",
    example: "off",
  }),
});

const budget = () =>
  z.strictObject({
    name: the.identifier({ about: "Its name; unique. Renaming it starts a new one.", example: "agent-day" }),
    match: match()
      .meta({ description: "Which calls it covers: every selector given must match. Left out: all.", examples: ["{ team: cx }"] })
      .optional(),
    per: z
      .array(groupBy())
      .meta({ description: "What it is split by; each group has an account of its own.", examples: ["[agent]"] })
      .optional(),
    limit: limit(),
    count: the.withDefault(
      the.choice({ about: "Which tokens count. `uncached`: input without cache reads, plus output.", example: "total" }, [
        "total",
        "input",
        "output",
        "uncached",
      ]),
      "total",
    ),
    window: the.withDefault(
      the.window({ about: "minute, hour, day, week, month, quarter, `rolling N(m|h|d)` or lifetime.", example: "rolling 24h" }),
      "lifetime",
    ),
    timezone: the.zone({ about: "Zone in which its windows turn. Left out: the file's.", example: "Europe/Berlin" }).nullish(),
    mode: the.withDefault(
      the.choice({ about: "`hard` refuses, `soft` warns, `shadow` only records what it would have refused.", example: "soft" }, [
        "hard",
        "soft",
        "shadow",
      ]),
      "hard",
    ),
    ceiling: the.withDefault(
      the.choice({ about: "How much is set aside: by measured use, or the worst case throughout.", example: "strict" }, [
        "measured",
        "strict",
      ]),
      "measured",
    ),
    clamp: the.withDefault(
      the.toggle({
        about: "A call that is not streamed has its output cap lowered to what fits instead of being refused.",
        example: "on",
      }),
      "off",
    ),
    on_unknown_price: the.withDefault(
      the.choice({ about: "A model without a price: refuse it, or price it like the provider's dearest.", example: "ceiling" }, [
        "deny",
        "ceiling",
      ]),
      "deny",
    ),
    accounts_max: the
      .whole(
        {
          about: "Most accounts in one window; later groups share `other`. Left out: 10000, for lifetime 1000000.",
          example: "10000",
        },
        { min: 1, max: 10_000_000 },
      )
      .optional(),
    ...budgetLater(),
  });

const savings = () =>
  z.strictObject({
    append: the.notBuilt("append compression", { about: "Tool results are compressed as they enter.", example: "off" }),
    history: the.notBuilt("history compression", { about: "Older turns are rewritten when it pays.", example: "off" }),
    prompt_cache: the.notBuilt("prompt caching", { about: "Cache breakpoints are set for the caller.", example: "off" }),
    response_cache: the.notBuilt("response caching", { about: "Identical calls share an answer.", example: "off" }),
    tiering: the.notBuilt("model tiering", { about: "Easier work goes to cheaper models.", example: "off" }),
    hold_out: the.withDefault(
      the.share({ about: "Share of tasks that run without savings, to measure them.", example: "0.05" }),
      "0.05",
    ),
  });

const content = () =>
  z.strictObject({
    keep: the.withDefault(
      the.choice({ about: "Where bodies of requests and replies are kept for a while.", example: "memory" }, ["memory", "off"], {
        disk: "content on disk",
      }),
      "memory",
    ),
    max: the.withDefault(the.bytes({ about: "Most that is kept in all.", example: "64MiB" }), "64MiB"),
    for: the.withDefault(the.duration({ about: "How long.", example: "1h" }), "1h"),
  });

const alerts = () =>
  z.strictObject({
    rules: the.notBuilt("alert rules", { about: "File of alert rules.", example: "off" }),
    notify: the.notBuilt("notifications", { about: "Where alerts are sent, by name.", example: "off" }),
  });

const server = () =>
  z.strictObject({
    host: the.withDefault(
      the.name({ about: "Address to listen on. Beyond loopback an admin_token is needed.", example: "127.0.0.1" }),
      "127.0.0.1",
    ),
    port: the.withDefault(
      the.whole({ about: "Port to listen on; 0 takes a free one.", example: "4141" }, { min: 0, max: 65_535 }),
      "4141",
    ),
    admin_token: the
      .secret({
        about: "Credential of the control plane. Without one only this machine may use it.",
        example: the.reference("BURSAR_ADMIN_TOKEN"),
      })
      .nullish(),
  });

const limits = () => {
  const time = (about: string, text: string) => the.withDefault(the.duration({ about, example: text }), text);
  const size = (about: string, text: string) => the.withDefault(the.bytes({ about, example: text }), text);
  return z.strictObject({
    retries_max: the.withDefault(
      the.whole(
        { about: "Retries after a failure that is not billed, each under a hold of its own.", example: "2" },
        { min: 0, max: 10 },
      ),
      "2",
    ),
    body_bytes_max: size("Largest request body.", "32MiB"),
    reply_bytes_max: size("Largest reply that is not streamed.", "64MiB"),
    event_bytes_max: size("Largest event of a stream.", "16MiB"),
    first_byte_timeout: time("How long a provider may take to begin its answer.", "10m"),
    idle_timeout: time("How long a stream may be silent.", "5m"),
    drain_timeout: time("How long a stream is read on for its usage after the client left.", "30s"),
  });
};

/** A part of the file that may be left out. */
function part<S extends z.ZodType>(schema: S, said: the.Said, absent: z.input<S>): z.ZodPrefault<S> {
  return z.prefault(schema.meta({ description: said.about, examples: [said.example] }), absent);
}

const keyExample = `{ name: platform, token: ${the.reference("PLATFORM_KEY")}, attribution: headers }`;
const budgetExample = "{ name: agent-day, per: [agent], limit: { tokens: 2M }, window: day }";

/** The schema of the file. Built when asked for; its input is a tree of `readYaml`. */
export function configSchema() {
  const lists = {
    providers: z.record(z.string(), provider().meta({ examples: ["{ kind: simulated }"] })),
    keys: z.array(key().meta({ examples: [keyExample] })),
    agents: z.record(z.string(), agent().meta({ examples: ["{ output_default: 2048 }"] })),
    budgets: z.array(budget().meta({ examples: [budgetExample] })),
  };
  return z
    .strictObject({
      version: the.choice({ about: "Version of this file's format.", example: "1" }, ["1"]),
      timezone: the.withDefault(the.zone({ about: "Zone of windows and reports.", example: "Europe/Berlin" }), "UTC"),
      week_start: the.withDefault(
        the.choice({ about: "First day of the week.", example: "sunday" }, ["monday", "sunday"]),
        "monday",
      ),
      providers: part(
        lists.providers,
        { about: "Who serves models, by name. Only `kind: simulated` simulates.", example: "{ sim: { kind: simulated } }" },
        {},
      ),
      prices: the.filePath({ about: "File of prices that go before the built-in ones.", example: "prices.yaml" }).nullish(),
      tiers: part(tiers(), { about: "Models by difficulty. No router uses them yet.", example: "{ easy: [gpt-4o-mini] }" }, {}),
      fallbacks: part(
        fallbacks(),
        {
          about:
            "Models to try when a model fails before its answer began, by name or glob; the first that matches counts. Each attempt has a hold of its own.",
          example: "{ gpt-4o: [gpt-4o-mini] }",
        },
        {},
      ),
      hedge: the.notBuilt("hedged calls", { about: "A slow call is sent to a second provider as well.", example: "off" }),
      keys: part(lists.keys, { about: "Who may call, and for whom.", example: `[${keyExample}]` }, []),
      agents: part(
        lists.agents,
        {
          about: "Settings by agent name or glob: the exact name goes first, then the first glob that matches.",
          example: "{ research-*: { type: research } }",
        },
        {},
      ),
      budgets: part(
        lists.budgets,
        { about: "Every budget that covers a call must have room for it.", example: `[${budgetExample}]` },
        [],
      ),
      savings: part(savings(), { about: "Ways of making calls cheaper; all off.", example: "{ history: off }" }, {}),
      content: part(content(), { about: "Keeping bodies, for repeated idempotent calls.", example: "{ keep: memory }" }, {}),
      alerts: part(alerts(), { about: "Rules and where they notify.", example: "{ rules: off }" }, {}),
      server: part(server(), { about: "Where Bursar listens.", example: "{ port: 4141 }" }, {}),
      limits: part(limits(), { about: "Bounds of one call.", example: "{ retries_max: 2 }" }, {}),
    })
    .meta({ title: "bursar.yaml", description: "Configuration of Bursar." });
}

/** The file as the schema reads it. */
export type ConfigFile = z.output<ReturnType<typeof configSchema>>;

/** One budget of the file. */
export type BudgetInFile = ConfigFile["budgets"][number];

// The first five minutes: no configuration file, on this machine only. Money path: fails closed; one hard budget holds
// everything, and nothing beyond loopback is served, because every client is let in.
import { BursarError } from "../accounting/errors.js";
import { isTimeZone } from "../accounting/units/window.js";
import type { Config, Serving } from "./config.js";
import { KEY_VARIABLES } from "./cross-checks.js";
import type { Env } from "./interpolate.js";
import { ConfigInvalid } from "./problem.js";
import { type Laid, readConfig } from "./read-config.js";

/** What is known without a file. */
export interface NoConfigOptions {
  readonly env: Env;
  /** Does the server listen on this machine only? */
  readonly loopback: boolean;
  /** Absolute path of the data directory. */
  readonly data: string;
  readonly laid?: readonly Laid[];
}

/** Name of the simulated provider that serves every model whose own provider has no key. */
export const SIMULATED_PROVIDER = "sim";

/** Whose models are simulated as long as their key is not there. */
const PLAYED = ["openai", "anthropic", "gemini"] as const;
type Hosted = keyof typeof KEY_VARIABLES;

function isSet(env: Env, variable: string): boolean {
  return (env[variable] ?? "").trim() !== "";
}

/** Where an Azure resource is reached; without it its key alone is of no use. Microsoft's own SDKs read the same variable. */
const AZURE_ENDPOINT = "AZURE_OPENAI_ENDPOINT";

/** Providers whose key is in the environment. */
function realOnes(env: Env): readonly Hosted[] {
  const hosted = Object.keys(KEY_VARIABLES) as Hosted[];
  return hosted.filter((name) => isSet(env, KEY_VARIABLES[name]) && (name !== "azure" || isSet(env, AZURE_ENDPOINT)));
}

function systemZone(): string {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  return isTimeZone(timeZone) ? timeZone : "UTC";
}

function textOf(env: Env): string {
  const real = realOnes(env).map((name) => {
    const address = name === "azure" ? `, base_url: "\${${AZURE_ENDPOINT}}"` : "";
    return `  ${name}: { api_key: "\${${KEY_VARIABLES[name]}}"${address} }`;
  });
  return [
    "version: 1",
    `timezone: ${systemZone()}`,
    "providers:",
    ...real,
    `  ${SIMULATED_PROVIDER}: { kind: simulated }`,
    "budgets:",
    "  - { name: local-day, limit: { usd: 10 }, window: day, mode: hard }",
  ].join("\n");
}

/** Codex sends a web search with every request and no maximum; without a file nobody could allow it. */
const LOCAL_TOOL_USES = 3;

/**
 * The configuration without a file: providers whose key is in the environment are real, every other known model is
 * simulated; any client is key `local` and may say by header who it is; one budget, `local-day`, $10 a day, hard.
 * Throws `config_invalid` beyond loopback.
 */
export function noConfig(options: NoConfigOptions): Config {
  const { env, loopback, data, laid = [] } = options;
  if (!loopback) {
    throw new BursarError(
      "config_invalid",
      "Without a configuration file every client is let in, so Bursar then listens on this machine only. " +
        "Write a bursar.yaml with keys and set BURSAR_ADMIN_TOKEN, or listen on 127.0.0.1 (--host, BURSAR_HOST).",
    );
  }
  const read = readConfig(textOf(env), { file: "built in", path: null, data, env, laid });
  if ("problems" in read) throw new ConfigInvalid(read.problems);
  const real = realOnes(env);
  const shown = [...PLAYED, ...real.filter((name) => !(PLAYED as readonly Hosted[]).includes(name))];
  const serving = shown.map((provider): Serving => {
    const variable = KEY_VARIABLES[provider];
    if (real.includes(provider)) return { provider, mode: "real", why: `${variable} is set` };
    return { provider, mode: "simulated", why: `${variable} is not set` };
  });
  const identity = { name: "local", trusts_attribution: true, tool_uses_max: LOCAL_TOOL_USES };
  return { ...read.config, serving, keys: [{ token: null, identity }] };
}

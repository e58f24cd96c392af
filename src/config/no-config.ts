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

const PROVIDERS = ["openai", "anthropic"] as const;

function hasKey(env: Env, provider: (typeof PROVIDERS)[number]): boolean {
  return (env[KEY_VARIABLES[provider]] ?? "").trim() !== "";
}

function systemZone(): string {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  return isTimeZone(timeZone) ? timeZone : "UTC";
}

function textOf(env: Env): string {
  const real = PROVIDERS.filter((name) => hasKey(env, name)).map(
    (name) => `  ${name}: { api_key: "\${${KEY_VARIABLES[name]}}" }`,
  );
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
  const serving = PROVIDERS.map((provider): Serving => {
    const variable = KEY_VARIABLES[provider];
    if (hasKey(env, provider)) return { provider, mode: "real", why: `${variable} is set` };
    return { provider, mode: "simulated", why: `${variable} is not set` };
  });
  const identity = { name: "local", trusts_attribution: true };
  return { ...read.config, serving, keys: [{ token: null, identity }] };
}

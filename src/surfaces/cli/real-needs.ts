import { BursarError } from "../../accounting/errors.js";
import { type ConfigFlags, type LoadOptions, loadConfig } from "../../config/load.js";
import { readServer } from "../../stores/sqlite/lock.js";
import type { CliNeeds } from "./needs.js";
import { openTell } from "./tell.js";

function loading(flags: ConfigFlags): LoadOptions {
  return { flags, env: process.env, cwd: process.cwd() };
}

/** Resolves at the first Ctrl-C or SIGTERM; a second one ends the process at once. */
function stopped(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const stop = (): void => {
      if (asked) process.exit(130);
      asked = true;
      resolve();
    };
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
  });
}

/** The surroundings of a real command line. What serves is loaded only when it is used: asking a server stays quick. */
export function realNeeds(options: { version: string }): CliNeeds {
  const tell = openTell(process.stderr);
  return {
    argv: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    stdout: process.stdout,
    stderr: process.stderr,
    version: options.version,
    async readServer(directory) {
      const running = await readServer(directory);
      return running?.address ?? null;
    },
    configuredToken(flags) {
      try {
        return loadConfig(loading(flags)).server.admin_token?.reveal() ?? null;
      } catch (error) {
        // A configuration that does not load names no token; the server then says what it takes.
        if (error instanceof BursarError) return null;
        throw error;
      }
    },
    async openStandalone(flags) {
      const { openCore } = await import("../assemble.js");
      const core = await openCore({ config: loadConfig(loading(flags)), tell });
      return { desk: core.desk, findKey: (token) => core.providing().identify(token), close: () => core.close() };
    },
    async openServer(flags) {
      const { openServer } = await import("../assemble.js");
      const load = loading(flags);
      const config = loadConfig(load);
      const server = await openServer({ config, load, tell });
      return { url: server.url, facts: server.facts(), budgets: config.budgets, close: () => server.close() };
    },
    async openSimulator(flags) {
      const { openSimulatorServer } = await import("../../providers/simulated/server.js");
      const { systemClock } = await import("../system-clock.js");
      return openSimulatorServer({ clock: systemClock(), ...flags });
    },
    stopped,
  };
}

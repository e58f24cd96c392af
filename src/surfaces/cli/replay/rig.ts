/**
 * What a replay starts for itself: the simulated provider and a gateway, each the real binary in a process of its own, so
 * that every call passes two real sockets. The gateway's ledger lies in a temporary directory.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { BursarError } from "../../../accounting/errors.js";
import { usdText } from "../../../accounting/units/money.js";
import type { Sizes } from "./survey.js";

/** Where the traffic goes. */
export interface Rig {
  /** The gateway. */
  readonly url: string;
  /** The simulated provider, whose bill is read. */
  readonly simulator: string;
  close(): Promise<void>;
}

/** How the rig is built. */
export interface RigOptions {
  readonly seed: string;
  readonly sizes: Sizes;
  /** Key by team. */
  readonly keys: ReadonlyMap<string, string>;
  /** Told what the processes say on stderr. */
  readonly tell: (line: string) => void;
}

interface Child {
  readonly url: string;
  stop(): Promise<void>;
}

const STOP_MS = 15_000;

/** The built binary: beside this file, or in dist/ when this file still is TypeScript (in tests). */
function binary(): string {
  const built = import.meta.url.endsWith(".ts") ? "../../../../dist/surfaces/cli/bin.js" : "../bin.js";
  return fileURLToPath(new URL(built, import.meta.url));
}

/** Variables of this machine must not reach the replay's own gateway: it reads its own file and nothing else. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^BURSAR_|_API_KEY$/.test(name)));
}

async function firstAddress(child: ChildProcess, said: readonly string[]): Promise<string> {
  if (child.stdout === null) throw new BursarError("internal", "A process of the replay has no output.");
  for await (const line of createInterface({ input: child.stdout })) {
    const { url } = JSON.parse(line) as { url: string };
    child.stdout.resume();
    return url;
  }
  throw new BursarError("internal", `A process of the replay ended instead of serving.\n${said.join("\n")}`);
}

async function start(args: readonly string[], tell: (line: string) => void): Promise<Child> {
  const child = spawn(process.execPath, [binary(), ...args, "--json"], {
    env: cleanEnvironment(),
    // A Ctrl-C is for the replay, which compares the books before it stops them.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const gone = once(child, "close");
  const said: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    if (said.length < 100) said.push(line);
    tell(line);
  });
  const kill = (): boolean => child.kill("SIGKILL");
  process.once("exit", kill);
  async function stop(): Promise<void> {
    child.kill("SIGTERM");
    const late = setTimeout(kill, STOP_MS);
    await gone;
    clearTimeout(late);
    process.off("exit", kill);
  }
  try {
    return { url: await firstAddress(child, said), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The configuration of the replay's gateway. `lifetime` windows: midnight must not lift a limit in the middle. */
export function rigConfig(options: RigOptions & { readonly simulator: string }): string {
  const { sizes, keys, simulator } = options;
  const budget = (name: string, per: string, limit: bigint): string =>
    `  - { name: ${name}, per: [${per}], limit: { usd: ${usdText(limit)} }, window: lifetime, accounts_max: 1000000 }`;
  return `${[
    "version: 1",
    `providers: { sim: { kind: simulated, base_url: "${simulator}/v1" } }`,
    "keys:",
    ...[...keys].map(([team, token]) => `  - { name: ${team}, token: ${token}, team: ${team}, attribution: headers }`),
    `agents: { "*": { output_default: ${sizes.output_default} } }`,
    "budgets:",
    budget("org", "", sizes.org),
    budget("team", "team", sizes.team),
    budget("agent", "agent", sizes.agent),
    budget("task-cap", "task", sizes.task),
    "limits: { drain_timeout: 5s }",
  ].join("\n")}\n`;
}

/** Starts both processes. `close` stops them and deletes the ledger. */
export async function openRig(options: RigOptions): Promise<Rig> {
  const folder = await mkdtemp(join(tmpdir(), "bursar-replay-"));
  const started: Child[] = [];
  async function close(): Promise<void> {
    for (const child of started.reverse()) await child.stop();
    await rm(folder, { recursive: true, force: true });
  }
  try {
    const simulatorArgs = ["simulator", "--port", "0", "--latency", "none", "--seed", options.seed];
    const simulator = await start(simulatorArgs, options.tell);
    started.push(simulator);
    const file = join(folder, "bursar.yaml");
    await writeFile(file, rigConfig({ ...options, simulator: simulator.url }), { mode: 0o600 });
    const serve = ["up", "--host", "127.0.0.1", "--port", "0", "--config", file, "--data", join(folder, "data")];
    const gateway = await start(serve, options.tell);
    started.push(gateway);
    return { url: gateway.url, simulator: simulator.url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

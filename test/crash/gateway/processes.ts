import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { realNeeds } from "../../../src/surfaces/cli/real-needs.js";
import { runCli } from "../../../src/surfaces/cli/run-cli.js";
import { readVersion } from "../../../src/surfaces/version.js";
import { cleanEnvironment } from "../../server-process.js";

const binary = fileURLToPath(new URL("../../../dist/surfaces/cli/bin.js", import.meta.url));
const failpoints = new URL("../__fixtures__/failpoints.mjs", import.meta.url).href;

/** Where a process is to kill itself (failpoints.mjs), and how far its wall clock is ahead. */
export interface Failpoint {
  /** `NAME:N`: the n-th time it gets there. */
  readonly at: string;
  readonly clockMs?: number;
}

/** Where processes start, and which did: the one who ends the test ends them. */
export interface Home {
  readonly home: string;
  readonly started: ChildProcess[];
}

/** A `bursar` process that serves. */
export interface Serving {
  readonly url: string;
  /** From the spawn to the first 200 of `/readyz` (a simulator: of `/healthz`), in milliseconds. */
  readonly readyMs: number;
  /** Time of the processors that it took for that, all its threads together, in milliseconds. */
  readonly cpuMs: number;
  /** Ends it by SIGKILL, and answers once it is gone. */
  readonly kill: () => Promise<void>;
  /** Asks it to stop, and answers its exit code once it is gone. */
  readonly stop: () => Promise<number | null>;
  /** Resolves when it is gone, however that came. */
  readonly gone: Promise<unknown>;
}

/** What one line of the simulator's own bill says of a call. `key` is the request's `x-sim-key`. */
export interface BilledCall {
  readonly id: string;
  readonly key: string;
  readonly ended: string;
  readonly model: string;
  readonly output: number;
  readonly nano_usd: string;
}

/** Ticks of a second in /proc: USER_HZ, 100 on every Linux of today (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html). */
const TICKS = 100;

/** Milliseconds of the processors that a process has had so far. */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // Behind the name, which may hold anything: utime and stime are the 14th and 15th field.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS;
}

/** Starts `bursar ARGS --json`, which prints its address once it listens. */
async function serve(
  { home, started }: Home,
  args: readonly string[],
  { ready, failpoint = null }: { ready: string; failpoint?: Failpoint | null },
): Promise<Serving> {
  const since = performance.now();
  const hook = failpoint === null ? [] : ["--import", failpoints];
  const asked = failpoint === null ? {} : { FAILPOINT: failpoint.at, FAILPOINT_CLOCK: String(failpoint.clockMs ?? 0) };
  const child: ChildProcess = spawn(process.execPath, [...hook, binary, ...args, "--json"], {
    cwd: home,
    env: { ...cleanEnvironment(home), ...asked },
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  const said = { stdout: "", stderr: "" };
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
  const gone = once(child, "close");
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await gone;
  };
  const stop = async (): Promise<number | null> => {
    child.kill("SIGTERM");
    await gone;
    return child.exitCode;
  };
  const listening = new Promise<string>((resolve, reject) => {
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      said.stdout += text;
      if (!said.stdout.includes("\n")) return;
      // What it answers instead of an address is a refusal, which stderr has in words.
      const { url } = JSON.parse(said.stdout) as { url?: string };
      if (url !== undefined) resolve(url);
    });
    gone.then(() => reject(new Error(`bursar ${args[0]} ended instead of serving:\n${said.stderr}`)), reject);
  });
  const url = await listening;
  const answer = await fetch(`${url}${ready}`);
  const readyMs = performance.now() - since;
  const cpuMs = cpuOf(child.pid ?? 0);
  if (answer.status !== 200) throw new Error(`${ready} of bursar ${args[0]} answered ${answer.status}: ${await answer.text()}`);
  return { url, readyMs, cpuMs, kill, stop, gone };
}

/** The gateway as a user starts it, on a port of its own choice. */
export function startGateway(of: Home & { config: string; data: string; failpoint?: Failpoint | null }): Promise<Serving> {
  const { failpoint = null } = of;
  return serve(of, ["up", "--config", of.config, "--data", of.data, "--port", "0"], { ready: "/readyz", failpoint });
}

/** The simulated provider, which outlives every gateway. Speeds come with each request. */
export function startSimulator(home: Home): Promise<Serving> {
  return serve(home, ["simulator", "--port", "0", "--latency", "none", "--seed", "kills"], { ready: "/healthz" });
}

/** The simulator's bill once nothing runs there any more. */
export async function settledBill(simulator: Serving): Promise<readonly BilledCall[]> {
  for (;;) {
    const bill = (await (await fetch(`${simulator.url}/sim/bill`)).json()) as { by_call: BilledCall[] };
    if (bill.by_call.every((line) => line.ended !== "running")) return bill.by_call;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Runs `bursar ARGS --json` as a process of its own. */
export async function bursar<T>(home: string, args: readonly string[]): Promise<{ code: number | null; answer: T }> {
  const env = cleanEnvironment(home);
  const child = spawn(process.execPath, [binary, ...args, "--json"], { cwd: home, env, stdio: ["ignore", "pipe", "inherit"] });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  await once(child, "close");
  return { code: child.exitCode, answer: JSON.parse(stdout) as T };
}

/** The same command line in this process: hundreds of lines would otherwise take minutes to start. */
export async function bursarHere<T>(home: string, args: readonly string[]): Promise<{ code: number; answer: T }> {
  let [out, err] = ["", ""];
  const code = await runCli({
    ...realNeeds({ version: readVersion() }),
    argv: [...args, "--json"],
    env: {},
    cwd: home,
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    configuredToken: () => null,
  });
  if (out === "") throw new Error(`bursar ${args.join(" ")} said nothing but: ${err}`);
  return { code, answer: JSON.parse(out) as T };
}

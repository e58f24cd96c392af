import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { realNeeds } from "../../../src/surfaces/cli/real-needs.js";
import { runCli } from "../../../src/surfaces/cli/run-cli.js";
import { readVersion } from "../../../src/surfaces/version.js";
import { cleanEnvironment } from "../../server-process.js";

const binary = fileURLToPath(new URL("../../../dist/surfaces/cli/bin.js", import.meta.url));

/** A `bursar` process that serves. */
export interface Serving {
  readonly url: string;
  /** From the spawn to the first 200 of `/readyz` (a simulator: of `/healthz`), in milliseconds. */
  readonly readyMs: number;
  readonly stderr: () => string;
  /** Ends it by this signal, and answers once it is gone. */
  readonly kill: (signal: "SIGKILL" | "SIGTERM") => Promise<void>;
}

/** What one line of the simulator's own bill says of a call. `key` is the request's `x-sim-key`. */
export interface BilledCall {
  readonly id: string;
  readonly key: string;
  readonly ended: string;
  readonly nano_usd: string;
}

/** Starts `bursar ARGS --json`, which prints its address once it listens. */
async function serve(home: string, args: readonly string[], ready: string): Promise<Serving> {
  const started = performance.now();
  const child: ChildProcess = spawn(process.execPath, [binary, ...args, "--json"], {
    cwd: home,
    env: cleanEnvironment(home),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { stdout: "", stderr: "" };
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
  const gone = once(child, "close");
  const kill = async (signal: "SIGKILL" | "SIGTERM"): Promise<void> => {
    child.kill(signal);
    await gone;
  };
  const listening = new Promise<string>((resolve, reject) => {
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      said.stdout += text;
      if (said.stdout.includes("\n")) resolve((JSON.parse(said.stdout) as { url: string }).url);
    });
    gone.then(() => reject(new Error(`bursar ${args[0]} ended instead of serving:\n${said.stderr}`)), reject);
  });
  const url = await listening;
  const answer = await fetch(`${url}${ready}`);
  const readyMs = performance.now() - started;
  if (answer.status !== 200) {
    await kill("SIGKILL");
    throw new Error(`${ready} of bursar ${args[0]} answered ${answer.status}: ${await answer.text()}`);
  }
  return { url, readyMs, stderr: () => said.stderr, kill };
}

/** The gateway as a user starts it, on a port of its own choice. */
export function startGateway(of: { home: string; config: string; data: string }): Promise<Serving> {
  return serve(of.home, ["up", "--config", of.config, "--data", of.data, "--port", "0"], "/readyz");
}

/** The simulated provider, which outlives every gateway. Speeds come with each request. */
export function startSimulator(home: string): Promise<Serving> {
  return serve(home, ["simulator", "--port", "0", "--latency", "none", "--seed", "kills"], "/healthz");
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

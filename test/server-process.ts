import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";

/** A Bursar that runs as a process of its own, as a user would start it. */
export interface ServerProcess {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** What it has said on stdout and stderr so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Asks it to stop, and answers its exit code once it and all it started are gone. */
  readonly stop: () => Promise<number | null>;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (!address || typeof address === "string") throw new Error("no port");
  return address.port;
}

/**
 * An environment as on a machine that has never seen Bursar: an empty home, no provider's key, no BURSAR_ variable. npm
 * keeps its own cache and settings, so that it installs from where this machine installs.
 */
export function cleanEnvironment(home: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^BURSAR_|_API_KEY$|^NODE_OPTIONS$|^VITEST|^NODE_ENV$/.test(name));
  return {
    npm_config_cache: join(homedir(), ".npm"),
    npm_config_userconfig: join(homedir(), ".npmrc"),
    ...Object.fromEntries(kept),
    HOME: home,
  };
}

async function whenHealthy(child: ChildProcess, address: () => string | null, said: () => string): Promise<string> {
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended instead of serving:\n${said()}`);
    const url = address();
    const answer = url ? await fetch(`${url}/healthz`).catch(() => null) : null;
    if (url && answer?.status === 200) return url;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * Starts a server and answers once `/healthz` does. Without `port` its address is read from what it prints. The process
 * leads a group of its own, so that stopping it also stops what npm or npx put between.
 */
export async function startServer(start: {
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly port?: number;
}): Promise<ServerProcess> {
  const [program, ...args] = start.command;
  const child = spawn(program, args, { cwd: start.cwd, env: start.env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
  const gone = once(child, "close");
  const printed = (): string | null => /http:\/\/127\.0\.0\.1:\d+/.exec(said.stdout)?.[0] ?? null;
  const address = (): string | null => (start.port ? `http://127.0.0.1:${start.port}` : printed());
  const stop = async (): Promise<number | null> => {
    if (child.exitCode === null && child.pid) process.kill(-child.pid, "SIGTERM");
    await gone;
    return child.exitCode;
  };
  try {
    const url = await whenHealthy(child, address, () => said.stdout + said.stderr);
    return { url, stdout: () => said.stdout, stderr: () => said.stderr, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The processes of one benchmark: all started by it, all on 127.0.0.1, all ended with it however it ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A part that a process of the benchmark plays: answers one question after another. */
export type Role = (question: never) => Promise<unknown>;

/** A process that plays a role. */
export interface Player {
  readonly pid: number;
  ask<Answer>(question: unknown): Promise<Answer>;
}

/** What a benchmark starts and where it may write. */
export interface Rig {
  /** A directory of its own, gone afterwards. */
  readonly directory: string;
  /** Starts this bundle again in another process that plays `role`. */
  player(role: string): Player;
  /** Starts a program; resolves when `healthy` answers true. Rejects when it exits first. */
  program(command: readonly string[], options: ProgramOptions): Promise<number>;
  /** Ends one program started by `program`. */
  end(pid: number): Promise<void>;
  close(): void;
}

/** How a program is started and when it counts as up. */
export interface ProgramOptions {
  readonly healthy: () => Promise<boolean>;
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds between two looks at `healthy`; default 20. */
  readonly everyMs?: number;
}

const ROLE = "--role=";
const HEALTHY_MS = 30_000;

/** Plays the role this process was started for. False when it was started to run the benchmark itself. */
export function playRole(roles: Readonly<Record<string, Role>>): boolean {
  const name = process.argv.find((argument) => argument.startsWith(ROLE))?.slice(ROLE.length);
  if (name === undefined) return false;
  const role = roles[name] as ((question: unknown) => Promise<unknown>) | undefined;
  if (role === undefined) throw new RangeError(`No part of a benchmark is called ${name}`);
  process.on("message", (message: { id: number; question: unknown }) => {
    const { id, question } = message;
    role(question).then(
      (answer) => process.send?.({ id, answer }),
      (error: unknown) => process.send?.({ id, failed: error instanceof Error ? error.message : String(error) }),
    );
  });
  process.on("disconnect", () => process.exit(0));
  return true;
}

function openPlayer(role: string, running: Set<ChildProcess>): Player {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), `${ROLE}${role}`], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  running.add(child);
  const waiting = new Map<number, { resolve: (answer: never) => void; reject: (error: Error) => void }>();
  let next = 0;
  child.on("message", (message: { id: number; answer?: unknown; failed?: string }) => {
    const asked = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.failed === undefined) asked?.resolve(message.answer as never);
    else asked?.reject(new Error(`${role}: ${message.failed}`));
  });
  child.on("exit", (code, signal) => {
    running.delete(child);
    for (const asked of waiting.values()) asked.reject(new Error(`${role} ended early (${code ?? signal})`));
    waiting.clear();
  });
  return {
    pid: child.pid as number,
    ask: (question) =>
      new Promise((resolve, reject) => {
        const id = next++;
        waiting.set(id, { resolve, reject });
        child.send({ id, question }, (error) => error !== null && reject(error));
      }),
  };
}

async function startProgram(command: readonly string[], options: ProgramOptions, running: Set<ChildProcess>): Promise<number> {
  const [program, ...rest] = command as [string, ...string[]];
  // What the shell says of Bursar is about somebody else's Bursar.
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("BURSAR_"));
  const env = { ...Object.fromEntries(kept), ...options.env };
  const child = spawn(program, rest, { stdio: ["ignore", "ignore", "pipe"], env });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    if (said.length < 4_000) said += chunk.toString("utf8");
  });
  let ended: string | null = null;
  child.on("error", (error) => {
    ended = error.message;
  });
  child.on("exit", (code, signal) => {
    running.delete(child);
    ended ??= `exit ${code ?? signal}`;
  });
  running.add(child);
  const until = performance.now() + HEALTHY_MS;
  while (performance.now() < until) {
    if (ended !== null) throw new Error(`${command.join(" ")} ended early (${ended}): ${said}`);
    if (await options.healthy()) return child.pid as number;
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 20));
  }
  throw new Error(`${command.join(" ")} is not healthy after ${HEALTHY_MS} ms: ${said}`);
}

/** Opens a rig. Whatever it started is killed by `close` and when this process exits. */
export function openRig(): Rig {
  const directory = mkdtempSync(join(tmpdir(), "bursar-bench-"));
  const running = new Set<ChildProcess>();
  const close = (): void => {
    for (const child of running) child.kill("SIGKILL");
    running.clear();
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  process.once("exit", close);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  return {
    directory,
    player: (role) => openPlayer(role, running),
    program: (command, options) => startProgram(command, options, running),
    async end(pid) {
      const child = [...running].find((each) => each.pid === pid);
      if (child === undefined) return;
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await gone;
      clearTimeout(timer);
    },
    close,
  };
}

/** A port of 127.0.0.1 that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("The system gave no port");
  return address.port;
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { cleanEnvironment } from "../../server-process.js";
import { root } from "../../tidy/source.js";

const packages = join(root, "test/coding-agents/node_modules");

/** Rust's name for this machine, as Codex names the folder of its binary. */
const TARGETS: Readonly<Record<string, string>> = {
  "linux-x64": "x86_64-unknown-linux-musl",
  "linux-arm64": "aarch64-unknown-linux-musl",
  "darwin-x64": "x86_64-apple-darwin",
  "darwin-arm64": "aarch64-apple-darwin",
};
const machine = `${process.platform}-${process.arch}`;

const found = (path: string): string | null => (existsSync(path) ? path : null);

/** Claude Code's binary; null where its package has none for this machine or is not installed. */
export const CLAUDE_CODE = found(join(packages, `@anthropic-ai/claude-code-${machine}/claude`));

/** Codex's binary; see `CLAUDE_CODE`. */
export const CODEX = found(join(packages, `@openai/codex-${machine}/vendor/${TARGETS[machine]}/bin/codex`));

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly said: string;
  readonly tookMs: number;
}

/** Runs a coding agent in an empty home until it ends by itself; after `limitMs` it is stopped, and `code` is null. */
export async function runAgent(
  binary: string,
  args: readonly string[],
  of: { readonly home: string; readonly env: Readonly<Record<string, string>>; readonly limitMs: number },
): Promise<Ended> {
  const since = performance.now();
  const child = spawn(binary, args, {
    cwd: of.home,
    env: { ...cleanEnvironment(of.home), ...of.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const timer = setTimeout(() => process.kill(-(child.pid ?? 0), "SIGKILL"), of.limitMs);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  clearTimeout(timer);
  return { code: child.exitCode, said: `${out}${err}`, tookMs: performance.now() - since };
}

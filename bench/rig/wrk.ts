/** wrk (https://github.com/wg/wrk) where it is installed: it takes less of the machine from the proxies than a generator in Node. */
import { execFile, execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LoadTarget } from "./load.js";

/** What wrk counted. */
export interface WrkAnswer {
  readonly calls: number;
  readonly failed: number;
  readonly seconds: number;
}

/** Whether wrk can be run. */
export function hasWrk(): boolean {
  try {
    execFileSync("wrk", ["-v"], { stdio: "ignore" });
    return true;
  } catch (error) {
    // `wrk -v` prints its version and ends with 1; only a missing program has a code of the system.
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}

/** A closed loop of wrk, one thread. Rejects when its output cannot be read. */
export function runWrk(
  target: LoadTarget,
  of: { readonly connections: number; readonly seconds: number; readonly directory: string },
): Promise<WrkAnswer> {
  const script = join(of.directory, "wrk.lua");
  const headers = Object.entries({ "content-type": "application/json", ...target.headers })
    .map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`)
    .join("\n");
  writeFileSync(script, `wrk.method = "POST"\nwrk.body = [==[${target.body}]==]\n${headers}\n`);
  const url = `http://127.0.0.1:${target.port}/v1/chat/completions`;
  const options = ["-t1", `-c${of.connections}`, `-d${of.seconds}s`, "--timeout", "10s", "-s", script, url];
  return new Promise((resolve, reject) => {
    execFile("wrk", options, (error, stdout) => {
      const counted = /(\d+) requests in ([\d.]+)(m?s|m)/.exec(stdout);
      if (error !== null || counted === null) {
        reject(new Error(`wrk failed: ${error?.message ?? stdout}`));
        return;
      }
      const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0);
      const socket = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout);
      const broken = (socket ?? []).slice(1).reduce((sum, count) => sum + Number(count), 0);
      const unit = counted[3] === "ms" ? 0.001 : counted[3] === "m" ? 60 : 1;
      resolve({ calls: Number(counted[1]), failed: refused + broken, seconds: Number(counted[2]) * unit });
    });
  });
}

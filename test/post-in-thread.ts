import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import type { Books } from "./ten-million-posts.js";

/**
 * Posts in a thread of its own, from one bundle: the test runner's own loading of modules, which makes every call between
 * files a look-up, took two fifths of ten million posts.
 */
export async function postInThread(how: "rules" | "fold", of: { calls: number; seed: number }): Promise<Books> {
  const folder = await mkdtemp(join(tmpdir(), "bursar-posts-"));
  const path = (name: string): string => JSON.stringify(fileURLToPath(new URL(name, import.meta.url)));
  try {
    const outfile = join(folder, "posts.mjs");
    await build({
      stdin: {
        contents: `import { parentPort, workerData } from "node:worker_threads";
          import { booksOf, postThroughFold, postThroughRules } from ${path("./ten-million-posts.ts")};
          const { how, calls, seed } = workerData;
          parentPort.postMessage(booksOf((how === "rules" ? postThroughRules : postThroughFold)(calls, seed)));`,
        resolveDir: fileURLToPath(new URL(".", import.meta.url)),
      },
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      logLevel: "error",
      outfile,
    });
    const worker = new Worker(outfile, { workerData: { how, ...of } });
    return await new Promise<Books>((resolve, reject) => {
      worker.on("message", resolve).on("error", reject).on("exit", reject);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DEFAULT_DRIVER } from "./driver.js";
import { layoutOf, prepareDirectory } from "./layout.js";
import { openThread } from "./thread.js";

test("a thread that is closed or stopped among a hundred questions ends by itself, and every question is answered or refused", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bursar-thread-"));
  prepareDirectory(layoutOf(directory));
  const start = { directory, driver: DEFAULT_DRIVER, checkedAtStart: 10 };
  const { thread: writer } = await openThread("write-worker", start);
  for (const way of ["close", "stop"] as const) {
    for (let round = 0; round < 5; round++) {
      const { thread } = await openThread("read-worker", start);
      const asked = Array.from({ length: 100 }, () => thread.ask("lines", 1));
      const settled = Promise.allSettled(asked);
      await new Promise((resolve) => setTimeout(resolve, round));
      await Promise.all([thread[way](), Promise.allSettled([thread.ask("lines", 1)])]);
      expect(await settled).toHaveLength(100);
      expect(thread.failure()).toMatchObject({ code: "store_unavailable" });
    }
  }
  await writer.close(null);
  rmSync(directory, { recursive: true });
});

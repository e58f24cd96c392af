// The exactness test in its long size: vitest.long.config.ts sets BURSAR_EXACTNESS_REPEATS.
import { noteFile, sizeFrom } from "./results.js";

noteFile("exactness", { repeats: sizeFrom("BURSAR_EXACTNESS_REPEATS", 200) });
await import("../exactness.test.js");

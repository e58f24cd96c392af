// E4 in its long size: BURSAR_POWER_LOSSES moments at which the power goes (vitest.long.config.ts: 500).
import { noteFile, seedOfRun, sizeFrom } from "./results.js";

const seed = seedOfRun();
process.env.SEED = String(seed);
noteFile("power losses", { losses: sizeFrom("BURSAR_POWER_LOSSES", 500), seed });
await import("../crash/power-loss.test.js");

// E5 in its long size: every cut from 1 to 4,096 bytes, and two thousand flipped bits. vitest.long.config.ts has the sizes.
import { noteFile, seedOfRun, sizeFrom } from "./results.js";

const seed = seedOfRun();
process.env.SEED = String(seed);
noteFile("torn logs", { cuts: sizeFrom("BURSAR_TORN_CUTS", 4_096), flips: sizeFrom("BURSAR_TORN_FLIPS", 2_000), seed });
await import("../crash/torn-log.test.js");

import { defineConfig, mergeConfig } from "./test/node_modules/vitest/dist/config.js";
import usual from "./vitest.config.js";

// `npm run test:long`: the sizes that take longer than a push should wait for, one after another.
const { include: _, ...test } = usual.test ?? {};

export default defineConfig({
  ...mergeConfig(usual, {}),
  test: {
    ...test,
    include: ["test/long/**/*.test.ts"],
    testTimeout: 3_600_000,
    hookTimeout: 600_000,
    maxWorkers: 1,
    maxConcurrency: 2,
    // Sizes of tests that npm test runs in small; whoever runs a piece says another size in the environment.
    env: {
      BURSAR_EXACTNESS_REPEATS: process.env.BURSAR_EXACTNESS_REPEATS ?? "200",
      BURSAR_TORN_CUTS: process.env.BURSAR_TORN_CUTS ?? "4096",
      BURSAR_TORN_FLIPS: process.env.BURSAR_TORN_FLIPS ?? "2000",
      BURSAR_POWER_LOSSES: process.env.BURSAR_POWER_LOSSES ?? "500",
    },
  },
});

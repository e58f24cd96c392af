// The exactness test in its long size: vitest.long.config.ts sets BURSAR_EXACTNESS_REPEATS.
import "../exactness.test.js";

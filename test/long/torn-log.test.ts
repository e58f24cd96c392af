// E5 in its long size: every cut from 1 to 4,096 bytes, and two thousand flipped bits. vitest.long.config.ts has the sizes.
import "../crash/torn-log.test.js";

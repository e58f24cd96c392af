// E4 in its long size: BURSAR_POWER_LOSSES moments at which the power goes (vitest.long.config.ts: 500).
import "../crash/power-loss.test.js";

import { fileURLToPath } from "node:url";
import { defineConfig } from "./test/node_modules/vitest/dist/config.js";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: { vitest: at("./test/node_modules/vitest"), "fast-check": at("./test/node_modules/fast-check") },
  },
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "dist/**"],
    globalSetup: ["./test/build.ts"],
    testTimeout: 60_000,
    hookTimeout: 240_000,
    passWithNoTests: false,
    maxWorkers: 2,
  },
});

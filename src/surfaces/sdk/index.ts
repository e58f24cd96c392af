export { BursarError } from "../../accounting/errors.js";
export type { AiMiddleware } from "./ai-sdk/middleware.js";
export { AgentPaused, BudgetExceeded, bursarErrorOf, StoreUnavailable } from "./errors.js";
export type { LangChainHandler } from "./langchain/callback.js";
export { type Bursar, type BursarOptions, openBursar } from "./open-bursar.js";
export type { TaskHandle, TaskOptions } from "./task-scope.js";
export type { WrappableClient } from "./wrap.js";

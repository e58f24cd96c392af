export { BursarError } from "../../accounting/errors.js";
export { AgentPaused, BudgetExceeded, bursarErrorOf, StoreUnavailable } from "./errors.js";
export { type Bursar, type BursarOptions, openBursar } from "./open-bursar.js";
export type { TaskHandle, TaskOptions } from "./task-scope.js";
export type { WrappableClient } from "./wrap.js";

import type { Dialect, DialectName } from "../call/needs.js";
import { anthropicMessagesDialect } from "./anthropic/wire.js";
import { openAiChat } from "./openai/wire.js";

/** Every wire format there is, one line each. */
const ALL: readonly Dialect[] = [openAiChat, anthropicMessagesDialect];

/** Wire formats by name. */
export const DIALECTS: ReadonlyMap<DialectName, Dialect> = new Map(ALL.map((dialect) => [dialect.name, dialect]));

// The official OpenAI client, as its users have it.
import { showClients } from "./matrix.js";
import { OPENAI_USES } from "./openai-uses.js";

showClients(OPENAI_USES);

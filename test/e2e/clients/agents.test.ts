// OpenAI's agents, as their users have them.
import { AGENTS_USES } from "./agents-uses.js";
import { showClients } from "./matrix.js";

showClients(AGENTS_USES);

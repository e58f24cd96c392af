// The official Anthropic client, as its users have it.
import { ANTHROPIC_USES } from "./anthropic-uses.js";
import { showClients } from "./matrix.js";

showClients(ANTHROPIC_USES);

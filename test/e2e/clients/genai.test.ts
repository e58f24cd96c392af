// Google's official client, as its users have it.
import { GENAI_USES } from "./genai-uses.js";
import { showClients } from "./matrix.js";

showClients(GENAI_USES);

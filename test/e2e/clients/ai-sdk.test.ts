// The AI SDK with the providers' packages, as its users have them.
import { AI_SDK_USES } from "./ai-sdk-uses.js";
import { showClients } from "./matrix.js";

showClients(AI_SDK_USES);

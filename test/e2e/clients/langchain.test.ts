// LangChain's chat models, as their users have them.
import { LANGCHAIN_USES } from "./langchain-uses.js";
import { showClients } from "./matrix.js";

showClients(LANGCHAIN_USES);

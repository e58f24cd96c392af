// The AI SDK without a server: Bursar as middleware around a model of any provider. The model is reached by its own
// connection; here it leads to `bursar simulator --port 4142`.
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, wrapLanguageModel } from "ai";
import { bursarErrorOf, openBursar } from "bursar";

const baseURL = process.env.SIMULATOR_URL ?? "http://127.0.0.1:4142/v1";
const bursar = await openBursar({ config: "examples/bursar.yaml", agent: "research-middleware" });
const own = createOpenAI({ baseURL, apiKey: "not-used" });
const model = wrapLanguageModel({ model: own.chat("gpt-4o-mini"), middleware: bursar.middleware() });

const { text } = await bursar.task("greeting", { id: "greeting-1" }, () =>
  generateText({ model, prompt: "Say hello.", maxOutputTokens: 60 }),
);
console.log(text);

const book = wrapLanguageModel({ model: own.chat("gpt-4"), middleware: bursar.middleware() });
const prompt = "Write a book. ".repeat(20_000);
await bursar.task("book", { id: "book-1" }, () =>
  generateText({ model: book, prompt }).catch((error) => console.log("Refused:", bursarErrorOf(error)?.message ?? error)),
);
await bursar.close();

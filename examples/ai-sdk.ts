// The AI SDK with its provider packages: only the base URL is Bursar's.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, streamText } from "ai";

const url = process.env.BURSAR_URL ?? "http://127.0.0.1:4141";
const settings = { baseURL: `${url}/v1`, apiKey: "platform-key", headers: { "x-bursar-agent": "research-ai-sdk" } };
const [openai, anthropic] = [createOpenAI(settings), createAnthropic(settings)];

const { text, usage } = await generateText({ model: openai("gpt-4o-mini"), prompt: "Say hello.", maxOutputTokens: 60 });
console.log(text, "-", usage.outputTokens, "tokens");

const { textStream } = streamText({ model: anthropic("claude-haiku-4-5"), prompt: "Tell me of ferries.", maxOutputTokens: 60 });
for await (const piece of textStream) process.stdout.write(piece);
console.log();

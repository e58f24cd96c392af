// LangChain's chat models: only the base URL is Bursar's.
import { ChatAnthropic } from "@langchain/anthropic";
import { ChatOpenAI } from "@langchain/openai";

const url = process.env.BURSAR_URL ?? "http://127.0.0.1:4141";
const defaultHeaders = { "x-bursar-agent": "research-langchain" };
const openai = new ChatOpenAI({
  model: "gpt-4o-mini",
  maxTokens: 60,
  apiKey: "platform-key",
  configuration: { baseURL: `${url}/v1`, defaultHeaders },
});
const anthropic = new ChatAnthropic({
  model: "claude-haiku-4-5",
  maxTokens: 60,
  apiKey: "platform-key",
  anthropicApiUrl: url,
  clientOptions: { defaultHeaders },
});

const reply = await openai.invoke("Say hello.");
console.log(reply.text, "-", reply.usage_metadata?.output_tokens, "tokens");
for await (const chunk of await anthropic.stream("Tell me of ferries.")) process.stdout.write(chunk.text);
console.log();

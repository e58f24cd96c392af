// The official Anthropic client. The address names the agent, so that code which cannot set headers is attributed too.
import Anthropic from "@anthropic-ai/sdk";

const url = process.env.BURSAR_URL ?? "http://127.0.0.1:4141";
const client = new Anthropic({ baseURL: `${url}/agents/research-claude`, apiKey: "platform-key" });

const asked = { model: "claude-haiku-4-5", messages: [{ role: "user" as const, content: "Tell me of ferries." }] };
console.log("The question has", (await client.messages.countTokens(asked)).input_tokens, "tokens; counting them is free");

const stream = client.messages.stream({ ...asked, max_tokens: 60 });
stream.on("text", (text) => process.stdout.write(text));
const message = await stream.finalMessage();
console.log();
console.log("Stopped by", message.stop_reason, "after", message.usage.output_tokens, "tokens");
const { response } = await stream.withResponse();
console.log("Explained at", `${url}/api/v1/explain/${response.headers.get("x-bursar-call-id")}`);

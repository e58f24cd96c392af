// The official OpenAI client on the Responses API: a stream with its helper, and the tokens it was billed for.
import OpenAI from "openai";

const url = process.env.BURSAR_URL ?? "http://127.0.0.1:4141";
const client = new OpenAI({
  baseURL: `${url}/v1`,
  apiKey: "platform-key",
  defaultHeaders: { "x-bursar-agent": "research-responses", "x-bursar-task": "report-5" },
});

const stream = client.responses.stream({ model: "gpt-4o-mini", input: "Tell me of ferries.", max_output_tokens: 60 });
stream.on("response.output_text.delta", ({ delta }) => process.stdout.write(delta));
const { status, usage } = await stream.finalResponse();
console.log();
console.log("Ended", status, "after", usage?.output_tokens, "tokens");

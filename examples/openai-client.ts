// The official OpenAI client. Nothing but the base URL and the key is Bursar's.
import OpenAI from "openai";

const url = process.env.BURSAR_URL ?? "http://127.0.0.1:4141";
const client = new OpenAI({
  baseURL: `${url}/v1`,
  apiKey: "platform-key",
  // Who the calls are for; the key is trusted to say so.
  defaultHeaders: { "x-bursar-agent": "research-bot", "x-bursar-task": "report-2" },
});

const stream = await client.chat.completions.create({
  model: "gpt-4o-mini",
  max_tokens: 40,
  stream: true,
  messages: [{ role: "user", content: "Tell me of ferries." }],
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? "");
console.log();

const { data, response } = await client.chat.completions
  .create({
    model: "gpt-4o-mini",
    max_tokens: 200,
    messages: [{ role: "user", content: "What is the weather in Kyoto?" }],
    tools: [
      {
        type: "function",
        function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
      },
    ],
  })
  .withResponse();
console.log(data.choices[0]?.message.tool_calls ?? data.choices[0]?.message.content);
console.log("This call cost $", response.headers.get("x-bursar-cost-usd"));
console.log("Left:", response.headers.get("x-bursar-remaining"));

// Google's official client: the address of Bursar is its base URL, everything else stays.
import { GoogleGenAI } from "@google/genai";

const url = process.env.BURSAR_URL ?? "http://127.0.0.1:4141";
const client = new GoogleGenAI({
  apiKey: "platform-key",
  httpOptions: { baseUrl: url, headers: { "x-bursar-agent": "research-gemini" } },
});

const asked = { model: "gemini-2.5-flash", contents: "Tell me of ferries." };
const { totalTokens } = await client.models.countTokens(asked);
console.log("The question has", totalTokens, "tokens");
for await (const chunk of await client.models.generateContentStream(asked)) process.stdout.write(chunk.text ?? "");
console.log();

// Embeddings by the official OpenAI client; they are held and posted like every other call.
import OpenAI from "openai";

const url = process.env.BURSAR_URL ?? "http://127.0.0.1:4141";
const client = new OpenAI({ baseURL: `${url}/agents/research-index/v1`, apiKey: "platform-key" });

const { data, response } = await client.embeddings
  .create({ model: "text-embedding-3-small", input: ["ferries", "budgets"] })
  .withResponse();
console.log(data.data.length, "vectors of", data.data[0]?.embedding.length, "dimensions");
console.log("They cost $", response.headers.get("x-bursar-cost-usd"));

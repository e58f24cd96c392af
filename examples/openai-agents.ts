// OpenAI's agents: a run with a hand-off, through a client whose base URL is Bursar's. Nothing is traced to OpenAI.
import { Agent, OpenAIProvider, Runner } from "@openai/agents";
import OpenAI from "openai";

const url = process.env.BURSAR_URL ?? "http://127.0.0.1:4141";
const openAIClient = new OpenAI({
  baseURL: `${url}/v1`,
  apiKey: "platform-key",
  defaultHeaders: { "x-bursar-agent": "research-agents", "x-bursar-task": "invoice-1" },
});
const runner = new Runner({ modelProvider: new OpenAIProvider({ openAIClient, useResponses: true }), tracingDisabled: true });

const model = "gpt-4o-mini";
const billing = new Agent({ name: "billing", model, instructions: "Answer questions about invoices." });
const triage = Agent.create({ name: "triage", model, handoffs: [billing], modelSettings: { toolChoice: "required" } });

const result = await runner.run(triage, "Where is my invoice?");
console.log(result.lastAgent?.name, "says:", result.finalOutput);
console.log(result.runContext.usage.requests, "requests");

/**
 * OpenAI Responses as the API reference shows it: https://platform.openai.com/docs/api-reference/responses/object and
 * …/responses-streaming, read November 2026. Usage comes in the terminal event alone.
 */
import type { Step } from "./answer.js";
import type { Consumption } from "./bill.js";
import { idChars } from "./chance.js";
import { arrayOf } from "./fields.js";
import { costField, type Rendering, type ReplyHead, secondReport, told } from "./rendering.js";

function usageJson(consumption: Consumption, head: ReplyHead): string {
  const { input, cached, output, reasoning } = consumption;
  const say = (count: number): string => told(count, head.lie);
  return (
    `{"input_tokens":${say(input)},"input_tokens_details":{"cached_tokens":${cached},"cache_write_tokens":0},` +
    `"output_tokens":${say(output)},"output_tokens_details":{"reasoning_tokens":${reasoning}},` +
    `"total_tokens":${say(input + output)}${costField(head)}}`
  );
}

/** Request fields that a response repeats, with what the API puts where they are left out. */
const REPEATED: Readonly<Record<string, unknown>> = {
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  metadata: {},
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null },
  store: true,
  temperature: 1,
  text: { format: { type: "text" } },
  tool_choice: "auto",
  tools: [],
  top_p: 1,
  truncation: "disabled",
  user: null,
};

/** How a response stands. */
type Status = "in_progress" | "completed" | "incomplete" | "failed";

function responseJson(
  head: ReplyHead,
  now: { readonly status: Status; readonly output: readonly unknown[]; readonly usage: string },
): string {
  const { body } = head.request;
  const repeated = Object.entries(REPEATED).map(([name, usual]) => [name, body[name] ?? usual]);
  const failed = { code: "server_error", message: "The server had an error while processing your request." };
  const json = JSON.stringify({
    id: head.id,
    object: "response",
    created_at: head.created,
    status: now.status,
    background: false,
    error: now.status === "failed" ? failed : null,
    incomplete_details: now.status === "incomplete" ? { reason: "max_output_tokens" } : null,
    model: head.model,
    output: now.output,
    ...Object.fromEntries(repeated),
    service_tier: "default",
  });
  return `${json.slice(0, -1)},"usage":${now.usage}}`;
}

const SUMMARY = "**Weighing the question** The simulated model considers what was asked and how to put its answer.";

/** The item that is being made. */
interface OpenItem {
  readonly type: "message" | "function_call" | "reasoning";
  readonly id: string;
  readonly name: string;
  readonly call_id: string;
  text: string;
}

function itemOf(item: OpenItem, status: Status, head: ReplyHead): Readonly<Record<string, unknown>> {
  const { type, id, text } = item;
  if (type === "message") {
    const content = status === "in_progress" ? [] : [{ type: "output_text", annotations: [], logprobs: [], text }];
    return { id, type, status, content, role: "assistant" };
  }
  if (type === "function_call") return { id, type, status, arguments: text, call_id: item.call_id, name: item.name };
  const summary = text === "" ? [] : [{ type: "summary_text", text }];
  const encrypted = arrayOf(head.request.body.include).includes("reasoning.encrypted_content");
  return { id, type, summary, ...(encrypted ? { encrypted_content: idChars(head.seed, 128) } : {}) };
}

/** One response in the making: what was said, and the events that say it. */
function openWriter(head: ReplyHead) {
  let sequence = 0;
  let open: OpenItem | null = null;
  const output: Readonly<Record<string, unknown>>[] = [];
  const raw = (type: string, json: string): string =>
    `event: ${type}\ndata: {"type":"${type}","sequence_number":${sequence++},${json}}\n\n`;
  const event = (type: string, fields: Readonly<Record<string, unknown>>): string =>
    raw(type, JSON.stringify(fields).slice(1, -1));
  const at = (): { item_id: string; output_index: number } => ({ item_id: open?.id ?? "", output_index: output.length });
  const id = (prefix: string): string => `${prefix}_${idChars(head.seed, 8)}${output.length}${idChars(head.id, 24)}`;

  function start(item: Omit<OpenItem, "text">): string {
    open = { ...item, text: "" };
    const added = event("response.output_item.added", { output_index: output.length, item: itemOf(open, "in_progress", head) });
    if (item.type !== "message") return added;
    const part = { type: "output_text", annotations: [], logprobs: [], text: "" };
    return added + event("response.content_part.added", { ...at(), content_index: 0, part });
  }

  function summary(): string {
    if (open === null || !head.request.summarises) return "";
    open.text = SUMMARY;
    const where = { ...at(), summary_index: 0 };
    const part = { type: "summary_text", text: SUMMARY };
    return (
      event("response.reasoning_summary_part.added", { ...where, part: { ...part, text: "" } }) +
      event("response.reasoning_summary_text.delta", { ...where, delta: SUMMARY }) +
      event("response.reasoning_summary_text.done", { ...where, text: SUMMARY }) +
      event("response.reasoning_summary_part.done", { ...where, part })
    );
  }

  function ending(item: OpenItem): string {
    const { type, text, name } = item;
    if (type === "reasoning") return summary();
    if (type === "function_call") return event("response.function_call_arguments.done", { ...at(), arguments: text, name });
    const where = { ...at(), content_index: 0 };
    const part = { type: "output_text", annotations: [], logprobs: [], text };
    return (
      event("response.output_text.done", { ...where, text, logprobs: [] }) +
      event("response.content_part.done", { ...where, part })
    );
  }

  /** Ends the item that is open, if any. */
  function close(status: Status): string {
    if (open === null) return "";
    const before = ending(open);
    const item = itemOf(open, status, head);
    const done = event("response.output_item.done", { output_index: output.length, item });
    output.push(item);
    open = null;
    return before + done;
  }

  function delta(text: string): string {
    if (open === null) return "";
    open.text += text;
    if (open.type === "function_call") return event("response.function_call_arguments.delta", { ...at(), delta: text });
    return event("response.output_text.delta", { ...at(), content_index: 0, delta: text, logprobs: [] });
  }

  return { raw, event, start, close, delta, id, output, opened: (): OpenItem | null => open };
}

/** A web search: an item of its own, begun and ended at once. */
function searchItem(writer: ReturnType<typeof openWriter>, step: Extract<Step, { readonly kind: "search" }>): string {
  const { event, output } = writer;
  const item = { id: `ws_${step.id}`, type: "web_search_call", action: { type: "search", query: step.query } };
  const output_index = output.length;
  const added = event("response.output_item.added", { output_index, item: { ...item, status: "in_progress" } });
  const stages = ["in_progress", "searching", "completed"];
  const going = stages.map((stage) => event(`response.web_search_call.${stage}`, { item_id: item.id, output_index }));
  const done = { ...item, status: "completed" };
  output.push(done);
  return added + going.join("") + event("response.output_item.done", { output_index, item: done });
}

/** Opens the rendering of one response. */
export function responsesRendering(head: ReplyHead): Rendering {
  const writer = openWriter(head);
  let finish: Status = "completed";
  const json = (status: Status, usage: string): string => responseJson(head, { status, output: writer.output, usage });
  const usageOf = (consumption: Consumption): string => (head.silent ? "null" : usageJson(consumption, head));
  const terminal = (consumption: Consumption): string =>
    writer.raw(`response.${finish}`, `"response":${json(finish, usageOf(consumption))}`);

  /** Text opens its message with the first word: a message cut off before it is none. */
  function said(step: Step): string {
    const opened = writer.opened();
    if (step.kind === "reasoning" || step.kind === "thinking") {
      if (opened?.type === "reasoning") return "";
      return writer.start({ type: "reasoning", id: writer.id("rs"), name: "", call_id: "" });
    }
    if (step.kind === "text" && opened?.type !== "message")
      return (
        writer.close("completed") +
        writer.start({ type: "message", id: writer.id("msg"), name: "", call_id: "" }) +
        writer.delta(step.text)
      );
    return step.kind === "text" || step.kind === "arguments" ? writer.delta(step.text) : "";
  }

  function step(given: Step): string {
    if (given.kind === "open" && given.block === "tool") {
      const item = { type: "function_call", id: writer.id("fc"), name: given.name, call_id: `call_${given.id}` } as const;
      return writer.close("completed") + writer.start(item);
    }
    if (given.kind === "search") return writer.close("completed") + searchItem(writer, given);
    if (given.kind === "finish") {
      finish = given.reason === "length" ? "incomplete" : "completed";
      return writer.close(finish);
    }
    return said(given);
  }

  return {
    begin: () =>
      writer.raw("response.created", `"response":${json("in_progress", "null")}`) +
      writer.raw("response.in_progress", `"response":${json("in_progress", "null")}`),
    step,
    end(consumption) {
      const second = secondReport(consumption, head.lie);
      return terminal(consumption) + (second === null ? "" : terminal(second));
    },
    failure: () =>
      writer.event("error", {
        code: "server_error",
        message: "The server had an error while processing your request.",
        param: null,
      }) + writer.raw("response.failed", `"response":${json("failed", "null")}`),
    whole(steps, consumption) {
      for (const each of steps) step(each);
      return json(finish, usageOf(consumption));
    },
  };
}

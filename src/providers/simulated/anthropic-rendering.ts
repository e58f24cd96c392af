/**
 * Anthropic Messages as the documentation shows it: https://platform.claude.com/docs/en/build-with-claude/streaming and
 * …/api/messages, read November 2026. `message_start` carries a placeholder for the output; `message_delta` is cumulative.
 */

import type { Step } from "./answer.js";
import type { Consumption } from "./bill.js";
import { idChars } from "./chance.js";
import { blocksOf, type Rendering, type ReplyHead, secondReport, told } from "./rendering.js";

const STOP: Readonly<Record<string, string>> = { stop: "end_turn", length: "max_tokens", tool: "tool_use" };

const event = (name: string, data: string): string => `event: ${name}\ndata: ${data}\n\n`;

function inputJson(input: number, consumption: Consumption, head: ReplyHead): string {
  const { cached, cache_write_5m, cache_write_1h } = consumption;
  const written = cache_write_5m + cache_write_1h;
  const say = (count: number): string => told(count, head.lie);
  return (
    `"input_tokens":${say(input - cached - written)},"cache_creation_input_tokens":${written},` +
    `"cache_read_input_tokens":${cached},"cache_creation":{"ephemeral_5m_input_tokens":${cache_write_5m},` +
    `"ephemeral_1h_input_tokens":${cache_write_1h}}`
  );
}

const UNCACHED = '"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":null';

/**
 * Runs of one request, the answer's last: https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback and
 * …/compaction. The request's own figures are the sum of all but compactions and
 * models that declined before any output.
 */
function iterationsJson(consumption: Consumption, head: ReplyHead): string {
  if (head.earlier.length === 0) return "";
  const earlier = head.earlier.map(({ model, kind, input, output }) => {
    const type = kind === "compaction" ? '"type":"compaction"' : `"type":"message","model":${JSON.stringify(model.name)}`;
    return `{${type},"input_tokens":${input},"output_tokens":${output},${UNCACHED}}`;
  });
  const fellBack = head.earlier.some((run) => run.kind !== "compaction");
  const last = `{"type":"${fellBack ? "fallback_message" : "message"}","model":${JSON.stringify(head.model)},${inputJson(consumption.input, consumption, head)},"output_tokens":${told(consumption.output, head.lie)}}`;
  return `,"iterations":[${[...earlier, last].join(",")}]`;
}

/** Tokens of the runs that count into the request's own figures. */
function counted(head: ReplyHead, which: "input" | "output"): number {
  return head.earlier.reduce((sum, run) => sum + (run.kind === "message" ? run[which] : 0), 0);
}

function usageJson(consumption: Consumption, head: ReplyHead): string {
  const { input, output, reasoning, searches } = consumption;
  const details = reasoning === 0 ? "" : `,"output_tokens_details":{"thinking_tokens":${reasoning}}`;
  const tools = searches === 0 ? "" : `,"server_tool_use":{"web_search_requests":${searches},"web_fetch_requests":0}`;
  const own = inputJson(input + counted(head, "input"), consumption, head);
  const made = told(output + counted(head, "output"), head.lie);
  return `{${own},"output_tokens":${made}${details}${tools}${iterationsJson(consumption, head)}}`;
}

function blockStart(step: Extract<Step, { readonly kind: "open" }>): string {
  if (step.block === "tool") return JSON.stringify({ type: "tool_use", id: `toolu_${step.id}`, name: step.name, input: {} });
  return step.block === "text" ? '{"type":"text","text":""}' : '{"type":"thinking","thinking":"","signature":""}';
}

/** A cut inside the arguments leaves no valid JSON; the API then answers with what could be read, here with nothing. */
function inputOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // Cut off by max_tokens: the documented behaviour is an incomplete tool_use block.
    return {};
  }
}

const DELTA: Readonly<Record<string, readonly [type: string, field: string]>> = {
  text: ["text_delta", "text"],
  thinking: ["thinking_delta", "thinking"],
  arguments: ["input_json_delta", "partial_json"],
};

/** A search and what it found, as blocks of a whole reply: https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool. */
function searchBlocks(step: Extract<Step, { readonly kind: "search" }>): readonly [call: object, found: object] {
  const id = `srvtoolu_${step.id}`;
  const page = { url: "https://example.com/found", title: "A simulated page", page_age: null };
  const found = { type: "web_search_result", ...page, encrypted_content: idChars(step.id, 32) };
  return [
    { type: "server_tool_use", id, name: "web_search", input: { query: step.query } },
    { type: "web_search_tool_result", tool_use_id: id, content: [found] },
  ];
}

/** Where one model's output ends and the next one's begins. */
function fallbackBlocks(head: ReplyHead): readonly object[] {
  const ran = head.earlier.filter((run) => run.kind !== "compaction").map(({ model }) => model.name);
  const trigger = { type: "refusal", category: null };
  return ran.map((name, hop) => ({
    type: "fallback",
    from: { model: name },
    to: { model: ran[hop + 1] ?? head.model },
    trigger,
  }));
}

/** The content of a whole reply. */
function contentOf(steps: readonly Step[], head: ReplyHead, signature: string): readonly object[] {
  const said = blocksOf(steps, 0).blocks.map(({ block, id, name, text }) => {
    if (block === "tool") return { type: "tool_use", id: `toolu_${id}`, name, input: inputOf(text) };
    return block === "thinking" ? { type: block, thinking: text, signature } : { type: block, text };
  });
  const searched = steps.flatMap((step) => (step.kind === "search" ? searchBlocks(step) : []));
  return [...fallbackBlocks(head), ...searched, ...said];
}

/** Opens the rendering of one reply. */
export function anthropicRendering(head: ReplyHead): Rendering {
  const signature = idChars(head.seed, 64);
  let index = -1;
  let reason = "end_turn";
  const delta = (type: string, field: string, text: string): string =>
    event(
      "content_block_delta",
      `{"type":"content_block_delta","index":${index},"delta":{"type":"${type}","${field}":${JSON.stringify(text)}}}`,
    );
  const messageDelta = (consumption: Consumption): string => {
    const usage = head.silent ? "" : `,"usage":${usageJson(consumption, head)}`;
    return event("message_delta", `{"type":"message_delta","delta":{"stop_reason":"${reason}","stop_sequence":null}${usage}}`);
  };
  const stop = (): string => event("content_block_stop", `{"type":"content_block_stop","index":${index}}`);
  const wholeBlock = (block: object): string => {
    index += 1;
    const start = JSON.stringify({ type: "content_block_start", index, content_block: block });
    return event("content_block_start", start) + stop();
  };
  const searched = (step: Extract<Step, { readonly kind: "search" }>): string => {
    const [call, found] = searchBlocks(step);
    index += 1;
    const start = JSON.stringify({ type: "content_block_start", index, content_block: { ...call, input: {} } });
    const query = JSON.stringify({ query: step.query });
    return event("content_block_start", start) + delta("input_json_delta", "partial_json", query) + stop() + wholeBlock(found);
  };
  return {
    begin(consumption) {
      const placeholder = 1 + (Number.parseInt(head.seed.slice(0, 2), 16) % 4);
      const usage = head.silent
        ? ""
        : `,"usage":{${inputJson(consumption.input + counted(head, "input"), consumption, head)},"output_tokens":${placeholder},"service_tier":"standard"}`;
      const message = `{"id":"${head.id}","type":"message","role":"assistant","model":${JSON.stringify(head.model)},"content":[],"stop_reason":null,"stop_sequence":null${usage}}`;
      return (
        event("message_start", `{"type":"message_start","message":${message}}`) + fallbackBlocks(head).map(wholeBlock).join("")
      );
    },
    step(step) {
      if (step.kind === "open") {
        index += 1;
        const start = `{"type":"content_block_start","index":${index},"content_block":${blockStart(step)}}`;
        return event("content_block_start", start) + (index === 0 ? event("ping", '{"type":"ping"}') : "");
      }
      if (step.kind === "close") {
        const signed = step.block === "thinking" ? delta("signature_delta", "signature", signature) : "";
        return signed + stop();
      }
      if (step.kind === "search") return searched(step);
      if (step.kind === "finish") reason = STOP[step.reason] ?? "end_turn";
      if (!("text" in step)) return "";
      const [type, field] = DELTA[step.kind] as readonly [string, string];
      return delta(type, field, step.text);
    },
    end(consumption) {
      const second = secondReport(consumption, head.lie);
      const more = second === null ? "" : messageDelta(second);
      return messageDelta(consumption) + more + event("message_stop", '{"type":"message_stop"}');
    },
    failure: () => event("error", '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'),
    whole(steps, consumption) {
      const { finish } = blocksOf(steps, 0);
      const content = contentOf(steps, head, signature);
      const usage = head.silent ? "" : `,"usage":${usageJson(consumption, head).slice(0, -1)},"service_tier":"standard"}`;
      return `{"id":"${head.id}","type":"message","role":"assistant","model":${JSON.stringify(head.model)},"content":${JSON.stringify(content)},"stop_reason":"${STOP[finish]}","stop_sequence":null${usage}}`;
    },
  };
}

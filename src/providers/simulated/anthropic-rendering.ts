/**
 * Anthropic Messages as the documentation shows it: https://platform.claude.com/docs/en/build-with-claude/streaming and
 * …/api/messages, read November 2026. `message_start` carries a placeholder for the output; `message_delta` is cumulative.
 */

import type { Step } from "./answer.js";
import type { Consumption } from "./bill.js";
import { idChars } from "./chance.js";
import { blocksOf, halved, type Rendering, type ReplyHead, told } from "./rendering.js";

const STOP: Readonly<Record<string, string>> = { stop: "end_turn", length: "max_tokens", tool: "tool_use" };

const event = (name: string, data: string): string => `event: ${name}\ndata: ${data}\n\n`;

function inputJson(consumption: Consumption, head: ReplyHead): string {
  const { input, cached, cache_write_5m, cache_write_1h } = consumption;
  const written = cache_write_5m + cache_write_1h;
  const say = (count: number): string => told(count, head.lie);
  return (
    `"input_tokens":${say(input - cached - written)},"cache_creation_input_tokens":${written},` +
    `"cache_read_input_tokens":${cached},"cache_creation":{"ephemeral_5m_input_tokens":${cache_write_5m},` +
    `"ephemeral_1h_input_tokens":${cache_write_1h}}`
  );
}

function usageJson(consumption: Consumption, head: ReplyHead): string {
  const { output, reasoning } = consumption;
  const details = reasoning === 0 ? "" : `,"output_tokens_details":{"thinking_tokens":${reasoning}}`;
  return `{${inputJson(consumption, head)},"output_tokens":${told(output, head.lie)}${details}}`;
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
  return {
    begin(consumption) {
      const placeholder = 1 + (Number.parseInt(head.seed.slice(0, 2), 16) % 4);
      const usage = head.silent
        ? ""
        : `,"usage":{${inputJson(consumption, head)},"output_tokens":${placeholder},"service_tier":"standard"}`;
      const message = `{"id":"${head.id}","type":"message","role":"assistant","model":${JSON.stringify(head.model)},"content":[],"stop_reason":null,"stop_sequence":null${usage}}`;
      return event("message_start", `{"type":"message_start","message":${message}}`);
    },
    step(step) {
      if (step.kind === "open") {
        index += 1;
        const start = `{"type":"content_block_start","index":${index},"content_block":${blockStart(step)}}`;
        return event("content_block_start", start) + (index === 0 ? event("ping", '{"type":"ping"}') : "");
      }
      if (step.kind === "close") {
        const signed = step.block === "thinking" ? delta("signature_delta", "signature", signature) : "";
        return signed + event("content_block_stop", `{"type":"content_block_stop","index":${index}}`);
      }
      if (step.kind === "finish") reason = STOP[step.reason] ?? "end_turn";
      if (!("text" in step)) return "";
      const [type, field] = DELTA[step.kind] as readonly [string, string];
      return delta(type, field, step.text);
    },
    end(consumption) {
      const second = head.lie === "twice" ? consumption : head.lie === "decreasing" ? halved(consumption) : null;
      const more = second === null ? "" : messageDelta(second);
      return messageDelta(consumption) + more + event("message_stop", '{"type":"message_stop"}');
    },
    failure: () => event("error", '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'),
    whole(steps, consumption) {
      const { blocks, finish } = blocksOf(steps, 0);
      const content = blocks.map(({ block, id, name, text }) => {
        if (block === "tool") return { type: "tool_use", id: `toolu_${id}`, name, input: inputOf(text) };
        return block === "thinking" ? { type: block, thinking: text, signature } : { type: block, text };
      });
      const usage = head.silent ? "" : `,"usage":${usageJson(consumption, head).slice(0, -1)},"service_tier":"standard"}`;
      return `{"id":"${head.id}","type":"message","role":"assistant","model":${JSON.stringify(head.model)},"content":${JSON.stringify(content)},"stop_reason":"${STOP[finish]}","stop_sequence":null${usage}}`;
    },
  };
}

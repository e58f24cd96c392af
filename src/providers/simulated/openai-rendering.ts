/**
 * OpenAI Chat Completions as the API reference shows it: https://platform.openai.com/docs/api-reference/chat/object and
 * …/chat-streaming, read November 2026.
 */
import type { Step } from "./answer.js";
import type { Consumption } from "./bill.js";
import { type Block, blocksOf, costField, type Rendering, type ReplyHead, secondReport, told } from "./rendering.js";

const FINISH: Readonly<Record<string, string>> = { stop: "stop", length: "length", tool: "tool_calls" };

function usageJson(consumption: Consumption, head: ReplyHead): string {
  const { input, cached, output, reasoning } = consumption;
  const say = (count: number): string => told(count, head.lie);
  return (
    `{"prompt_tokens":${say(input)},"completion_tokens":${say(output)},"total_tokens":${say(input + output)},` +
    `"prompt_tokens_details":{"cached_tokens":${cached},"audio_tokens":0},` +
    `"completion_tokens_details":{"reasoning_tokens":${reasoning},"audio_tokens":0,` +
    `"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}${costField(head)}}`
  );
}

function messageJson(blocks: readonly Block[]): string {
  const text = blocks.find((block) => block.block === "text");
  const calls = blocks.filter((block) => block.block === "tool");
  return JSON.stringify({
    role: "assistant",
    content: text?.text ?? null,
    ...(calls.length === 0
      ? {}
      : {
          tool_calls: calls.map(({ id, name, text }) => ({
            id: `call_${id}`,
            type: "function",
            function: { name, arguments: text },
          })),
        }),
    refusal: null,
    annotations: [],
  });
}

function deltaOf(step: Step): string | null {
  if (step.kind === "open") {
    if (step.block === "text") return '{"role":"assistant","content":"","refusal":null}';
    if (step.block !== "tool") return null;
    const call = { index: 0, id: `call_${step.id}`, type: "function", function: { name: step.name, arguments: "" } };
    return `{"role":"assistant","content":null,"tool_calls":[${JSON.stringify(call)}],"refusal":null}`;
  }
  if (step.kind === "text") return `{"content":${JSON.stringify(step.text)}}`;
  if (step.kind === "arguments") return `{"tool_calls":[{"index":0,"function":{"arguments":${JSON.stringify(step.text)}}}]}`;
  return step.kind === "finish" ? "{}" : null;
}

/** Opens the rendering of one reply. */
export function openAiRendering(head: ReplyHead): Rendering {
  const print = `fp_${head.seed.slice(0, 10)}`;
  const names = `"created":${head.created},"model":${JSON.stringify(head.model)}`;
  const before = `data: {"id":"${head.id}","object":"chat.completion.chunk",${names},"service_tier":"default","system_fingerprint":"${print}","choices":[`;
  const shows = head.request.include_usage && !head.silent;
  const after = shows ? '],"usage":null}\n\n' : "]}\n\n";
  const usageChunk = (consumption: Consumption): string => `${before}],"usage":${usageJson(consumption, head)}}\n\n`;
  return {
    begin: () => "",
    step(step) {
      const delta = deltaOf(step);
      if (delta === null) return "";
      const finish = step.kind === "finish" ? `"${FINISH[step.reason]}"` : "null";
      return `${before}{"index":${step.choice},"delta":${delta},"logprobs":null,"finish_reason":${finish}}${after}`;
    },
    end(consumption) {
      if (!shows) return "data: [DONE]\n\n";
      const second = secondReport(consumption, head.lie);
      return `${usageChunk(consumption)}${second === null ? "" : usageChunk(second)}data: [DONE]\n\n`;
    },
    failure: () =>
      'data: {"error":{"message":"The server had an error while processing your request.","type":"server_error","param":null,"code":null}}\n\n',
    whole(steps, consumption) {
      const choices = Array.from({ length: head.request.choices }, (_, choice) => {
        const { blocks, finish } = blocksOf(steps, choice);
        return `{"index":${choice},"message":${messageJson(blocks)},"logprobs":null,"finish_reason":"${FINISH[finish]}"}`;
      });
      const usage = head.silent ? "" : `"usage":${usageJson(consumption, head)},`;
      return `{"id":"${head.id}","object":"chat.completion",${names},"choices":[${choices.join(",")}],${usage}"service_tier":"default","system_fingerprint":"${print}"}`;
    },
  };
}

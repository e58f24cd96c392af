/**
 * OpenAI's legacy Completions as the API reference shows them: https://platform.openai.com/docs/api-reference/completions/object,
 * read November 2026. Of several answers that are made (`best_of`) the first `n` are shown; all are billed.
 */
import type { Finish, Step } from "./answer.js";
import type { Consumption } from "./bill.js";
import { blocksOf, costField, type Rendering, type ReplyHead, secondReport, told } from "./rendering.js";

const FINISH: Readonly<Record<Finish, string>> = { stop: "stop", length: "length", tool: "stop" };

function usageJson(consumption: Consumption, head: ReplyHead): string {
  const { input, cached, output } = consumption;
  const say = (count: number): string => told(count, head.lie);
  const details = cached === 0 ? "" : `,"prompt_tokens_details":{"cached_tokens":${cached}}`;
  return `{"prompt_tokens":${say(input)},"completion_tokens":${say(output)},"total_tokens":${say(input + output)}${details}${costField(head)}}`;
}

/** The index under which an answer is shown; null for those that are not. */
function shownIndex(choice: number, head: ReplyHead): number | null {
  const { shown } = head.request;
  if (shown === null) return choice;
  const within = choice % shown.best_of;
  return within < shown.n ? Math.floor(choice / shown.best_of) * shown.n + within : null;
}

/** Opens the rendering of one reply. */
export function completionsRendering(head: ReplyHead): Rendering {
  const names = `"object":"text_completion","created":${head.created},"model":${JSON.stringify(head.model)}`;
  const shows = head.request.include_usage && !head.silent;
  const choiceJson = (index: number, text: string, finish: Finish | null): string =>
    `{"text":${JSON.stringify(text)},"index":${index},"logprobs":null,"finish_reason":${finish === null ? "null" : `"${FINISH[finish]}"`}}`;
  const frame = (choices: string, usage: string): string =>
    `data: {"id":"${head.id}",${names},"choices":[${choices}]${usage}}\n\n`;
  const usageFrame = (consumption: Consumption): string => frame("", `,"usage":${usageJson(consumption, head)}`);
  return {
    begin: () => "",
    step(step: Step) {
      const index = shownIndex(step.choice, head);
      const usage = shows ? ',"usage":null' : "";
      if (index === null) return "";
      if (step.kind === "text") return frame(choiceJson(index, step.text, null), usage);
      return step.kind === "finish" ? frame(choiceJson(index, "", step.reason), usage) : "";
    },
    end(consumption) {
      if (!shows) return "data: [DONE]\n\n";
      const second = secondReport(consumption, head.lie);
      return `${usageFrame(consumption)}${second === null ? "" : usageFrame(second)}data: [DONE]\n\n`;
    },
    failure: () =>
      'data: {"error":{"message":"The server had an error while processing your request.","type":"server_error","param":null,"code":null}}\n\n',
    whole(steps, consumption) {
      const choices = Array.from({ length: head.request.choices }, (_, choice) => {
        const index = shownIndex(choice, head);
        if (index === null) return [];
        const { blocks, finish } = blocksOf(steps, choice);
        return [choiceJson(index, blocks.map(({ text }) => text).join(""), finish)];
      }).flat();
      const usage = head.silent ? "" : `,"usage":${usageJson(consumption, head)}`;
      return `{"id":"${head.id}",${names},"choices":[${choices.join(",")}]${usage}}`;
    },
  };
}

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { eventsOf, figures, understood } from "../../../../test/replay-stream.js";
import { BursarError } from "../../../accounting/errors.js";
import { openAiResponses } from "./wire.js";

const request = openAiResponses.read(Buffer.from('{"model":"gpt-4o","input":"How many?","stream":true,"max_output_tokens":50}'));

interface Item {
  readonly id: string;
  readonly type: string;
  readonly status?: string;
  readonly [field: string]: unknown;
}
interface Data {
  readonly type: string;
  readonly sequence_number: number;
  readonly output_index: number;
  readonly content_index?: number;
  readonly summary_index?: number;
  readonly item: Item;
  readonly bursar?: object;
  readonly response: { readonly id: string; readonly status: string; readonly output: readonly Item[]; readonly usage: Usage };
}
interface Usage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly total_tokens: number;
}

/** The first events of a fixture, then the cut, as a client reads them. */
function cutAfter(name: string, count: number): readonly Data[] {
  const raw = eventsOf(readFileSync(new URL(`./__fixtures__/${name}.sse`, import.meta.url))).slice(0, count);
  const reader = openAiResponses.reader(request);
  const before = raw.flatMap((event) => reader.event(event) ?? []);
  const bytes = Buffer.concat([...before, reader.cut({ ...figures, cut: "no room" })]);
  return understood(bytes).map((event) => {
    const data = JSON.parse(event.data!) as Data;
    expect(event.event).toBe(data.type);
    return data;
  });
}

const STREAMS = ["text", "tools", "reasoning", "refusal", "incomplete", "web-search", "error"];
const countOf = (name: string): number => eventsOf(readFileSync(new URL(`./__fixtures__/${name}.sse`, import.meta.url))).length;

/** What is open after these events: parts that were added and not done, items likewise. */
function openPlaces(events: readonly Data[]): readonly string[] {
  const open = new Set<string>();
  for (const event of events) {
    const [, what, how] = /^response\.(output_item|content_part|reasoning_summary_part)\.(added|done)$/.exec(event.type) ?? [];
    if (what === undefined) continue;
    const place = `${what} ${event.output_index} ${event.content_index ?? ""} ${event.summary_index ?? ""}`;
    if (how === "added") open.add(place);
    else expect(open.delete(place), `${event.type} of what was not open: ${place}`).toBe(true);
  }
  return [...open];
}

test.each(STREAMS)("C8: %s can be cut after any event and ends well-formed", (name) => {
  const total = countOf(name) - (name === "error" ? 0 : 1);
  for (let count = 0; count <= total; count++) {
    const events = cutAfter(name, count);
    const last = events.at(-1)!;
    expect(events[0]!.type, `cut after ${count}`).toBe("response.created");
    expect(events.filter((event) => event.type === "response.created")).toHaveLength(1);
    expect(openPlaces(events), `cut after ${count}`).toEqual([]);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
    expect(last).toMatchObject({
      type: "response.incomplete",
      response: { status: "incomplete", incomplete_details: { reason: "max_output_tokens" }, error: null },
      bursar: { call_id: "c1", cut: "no room", usage: "metered" },
    });
    expect(last.response.id).toBe(events[0]!.response.id);
    expect(last.response.output).toEqual(
      events.filter((event) => event.type === "response.output_item.done").map((event) => event.item),
    );
    expect(last.response.usage.total_tokens).toBe(last.response.usage.input_tokens + last.response.usage.output_tokens);
  }
});

test("a cut after the terminal event is the provider's own end", () => {
  const last = cutAfter("text", countOf("text")).at(-1)!;
  expect(last).toMatchObject({
    type: "response.completed",
    response: { usage: { output_tokens: 11 } },
    bursar: { cut: "no room" },
  });
});

test("what was written so far is in the item that the cut closes, and in the output", () => {
  const text = cutAfter("text", 6).at(-1)!.response.output;
  expect(text).toEqual([
    {
      id: "msg_68a2",
      type: "message",
      status: "incomplete",
      role: "assistant",
      content: [{ type: "output_text", annotations: [], logprobs: [], text: "Nine coins" }],
    },
  ]);
  const tools = cutAfter("tools", 5);
  expect(tools.slice(-3)).toMatchObject([
    { type: "response.function_call_arguments.done", item_id: "fc_68b2", name: "get_balance", arguments: '{"account' },
    { type: "response.output_item.done", item: { status: "incomplete", arguments: '{"account', call_id: "call_7Qd" } },
    { type: "response.incomplete" },
  ]);
  const custom = cutAfter("tools", 12);
  expect(custom.slice(-3, -1)).toMatchObject([
    { type: "response.custom_tool_call_input.done", input: "SELECT " },
    { item: { type: "custom_tool_call", input: "SELECT ", status: "incomplete" } },
  ]);
  const reasoning = cutAfter("reasoning", 5);
  expect(reasoning.slice(-4, -1)).toMatchObject([
    { type: "response.reasoning_summary_text.done", summary_index: 0, text: "**Counting** " },
    { type: "response.reasoning_summary_part.done", part: { type: "summary_text", text: "**Counting** " } },
    { item: { type: "reasoning", status: "incomplete", summary: [{ type: "summary_text", text: "**Counting** " }] } },
  ]);
  const search = cutAfter("web-search", 4).at(-1)!.response.output;
  expect(search).toEqual([{ id: "ws_6902", type: "web_search_call", status: "failed" }]);
});

test("reasoning that is shown as text is closed in the middle as well", () => {
  const event = (data: object) => Buffer.from(`event: ${(data as { type: string }).type}\ndata: ${JSON.stringify(data)}\n\n`);
  const reader = openAiResponses.reader(request);
  const at = { item_id: "rs_1", output_index: 0, content_index: 0 };
  for (const raw of [
    event({ type: "response.created", response: { id: "r", output: [] } }),
    event({ type: "response.output_item.added", output_index: 0, item: { id: "rs_1", type: "reasoning", summary: [] } }),
    event({ type: "response.content_part.added", ...at, part: { type: "reasoning_text", text: "" } }),
    event({ type: "response.reasoning_text.delta", ...at, delta: "Let me " }),
  ])
    reader.event(raw);
  const events = understood(reader.cut(figures)).map((one) => JSON.parse(one.data!) as Data);
  expect(events).toMatchObject([
    { type: "response.reasoning_text.done", text: "Let me " },
    { type: "response.content_part.done", part: { type: "reasoning_text", text: "Let me " } },
    { item: { type: "reasoning", summary: [], content: [{ type: "reasoning_text", text: "Let me " }], status: "incomplete" } },
    { type: "response.incomplete" },
  ]);
});

test("an error in the middle is an error event for those who look for it, and a failed response for all others", () => {
  const error = new BursarError("upstream_timeout", "The provider stalled.", { provider: "openai" });
  const [told, failed] = understood(openAiResponses.errorEvent(error, "c9"));
  const metadata = { code: "upstream_timeout", provider: "openai", call_id: "c9" };
  expect(told!.event).toBe("error");
  expect(JSON.parse(told!.data!)).toEqual({
    type: "error",
    sequence_number: 0,
    code: "upstream_timeout",
    message: "The provider stalled.",
    param: null,
    metadata,
  });
  expect(failed!.event).toBe("response.failed");
  expect(JSON.parse(failed!.data!).response).toMatchObject({
    id: "resp_c9",
    status: "failed",
    error: { code: "upstream_timeout", message: "The provider stalled." },
    output: [],
  });
});

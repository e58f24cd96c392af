import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openTrace } from "./trace.js";
import type { TraceRow } from "./trace-row.js";

const folder = mkdtempSync(join(tmpdir(), "bursar-trace-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function read(text: string, limit?: number): Promise<{ format: string; rows: TraceRow[] }> {
  const file = join(folder, "trace");
  writeFileSync(file, text);
  const trace = await openTrace(file, limit);
  const rows: TraceRow[] = [];
  for await (const row of trace.rows()) rows.push(row);
  return { format: trace.format, rows };
}

const AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens";
const SWE =
  "instance_id,call_index,created_unix,prompt_tokens,cached_tokens,completion_tokens,reasoning_tokens,billed_cost_usd,resolved";

test("an Azure trace is read to the millisecond, with any line ends and a byte order mark", async () => {
  const { format, rows } = await read(
    `\uFEFF${AZURE}\r\n2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9951690,396,109\r\n`,
  );
  expect(format).toBe("azure");
  expect(rows.map(({ input, output, line }) => [input, output, line])).toEqual([
    [374, 44, 2],
    [396, 109, 3],
  ]);
  expect((rows[1]?.at_ms ?? 0) - (rows[0]?.at_ms ?? 0)).toBe(4_315);
});

test("calls of agents are put in the order of their arrival, with run and cached tokens", async () => {
  const { format, rows } = await read(`${SWE}\nb,0,1763510520,5614,0,500,0,0.017,1\na,0,1763510516,1662,2000,106,68,,1\n`);
  expect(format).toBe("swe-agent");
  expect(rows).toMatchObject([
    { task: "a", input: 1662, cached: 1662, output: 106 },
    { task: "b", input: 5614, cached: 0, output: 500 },
  ]);
});

test("in a Mooncake trace the prefix blocks that came before are cached, and never the whole prompt", async () => {
  const row = (at: number, input: number, ids: readonly number[]): string =>
    JSON.stringify({ timestamp: at, input_length: input, output_length: 5, hash_ids: ids });
  const { format, rows } = await read([row(0, 1200, [0, 1, 2]), row(5, 1700, [0, 1, 2, 3]), row(9, 1024, [0, 1])].join("\n"));
  expect(format).toBe("mooncake");
  expect(rows.map(({ cached, task, at_ms }) => [cached, task, at_ms])).toEqual([
    [0, "conversation-1", 0],
    [1536, "conversation-1", 5],
    [1023, "conversation-1", 9],
  ]);
});

test("no more rows are read than asked for", async () => {
  const { rows } = await read(`${AZURE}\n2023-11-16 18:15:46.68,1,1\n2023-11-16 18:15:47.68,2,2\n`, 1);
  expect(rows).toHaveLength(1);
});

test.each([
  ["an unknown header", "a,b,c\n1,2,3\n", /trace:1: no known trace begins like this/],
  ["an empty file", "", /is empty/],
  ["a missing cell", `${AZURE}\n2023-11-16 18:15:46.68,1\n`, /trace:2: it has 2 cells; the header has 3/],
  ["a negative count", `${AZURE}\n2023-11-16 18:15:46.68,-5,1\n`, /trace:2: ContextTokens is "-5"/],
  ["a count of nothing", `${AZURE}\n2023-11-16 18:15:46.68,0,1\n`, /trace:2: ContextTokens is "0"/],
  ["a fraction", `${AZURE}\n2023-11-16 18:15:46.68,5,1.5\n`, /trace:2: GeneratedTokens is "1.5"/],
  ["a date that is none", `${AZURE}\nyesterday,5,1\n`, /trace:2: TIMESTAMP is "yesterday"/],
  ["a quoted cell", `${AZURE}\n"2023",5,1\n`, /trace:2: quoted cells/],
  ["a run without a name", `${SWE}\n,0,1763510516,5,0,1,0,,1\n`, /trace:2: instance_id is empty/],
  [
    "JSON that is none",
    '{"timestamp":0,"input_length":1,"output_length":1,"hash_ids":[1]}\n{"hash_ids"\n',
    /trace:2: it is no JSON/,
  ],
  ["blocks that are none", '{"timestamp":0,"input_length":1,"output_length":1,"hash_ids":"x"}\n', /trace:1: hash_ids/],
])("%s is refused with its line", async (_, text, message) => {
  await expect(read(text)).rejects.toThrow(message);
});

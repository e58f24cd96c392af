// Every file of __fixtures__/ is refused at the right place with a suggestion that helps. The files are read as a user's would be.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ConfigInvalid, problemText, sortProblems } from "../../src/config/problem.js";
import { readConfig } from "../../src/config/read-config.js";
import { root } from "../tidy/source.js";

const folder = join(root, "test/config/__fixtures__");

function problemsOf(file: string) {
  const options = { file, path: join(folder, file), data: join(folder, ".bursar"), env: {}, laid: [] };
  const read = readConfig(readFileSync(join(folder, file), "utf8"), options);
  return "problems" in read ? sortProblems(read.problems) : [];
}

// File → line:column, path, and what the suggestion says, for each problem in order.
type Told = readonly [place: string, path: string, suggestion: string];
const usdExample = "Write it such as 1.50; 0 refuses every call.";
const expected: Readonly<Record<string, readonly Told[]>> = {
  "01-usd-exponent": [["5:30", "budgets[0].limit.usd", "Did you mean 1000?"]],
  "02-usd-negative": [["7:12", "budgets[0].limit.usd", usdExample]],
  "03-usd-underscore": [["5:30", "budgets[0].limit.usd", "Did you mean 1000?"]],
  "04-usd-octal": [["5:30", "budgets[0].limit.usd", usdExample]],
  "05-usd-infinite": [["5:30", "budgets[0].limit.usd", usdExample]],
  "06-usd-yes": [["5:30", "budgets[0].limit.usd", usdExample]],
  "07-tokens-fractional": [["5:33", "budgets[0].limit.tokens", "Write it such as 2M"]],
  "08-limit-missing": [["5:5", "budgets[0].limit", "Add limit: { usd: 5000 } or unlimited"]],
  "09-limit-null": [
    ["6:12", "budgets[0].limit", "Write it such as { usd: 5000 } or { tokens: 2M }, or unlimited to only count."],
  ],
  "10-two-limits": [["5:25", "budgets[0].limit.usd", "Make two budgets of it"]],
  "11-unknown-key": [["5:35", "budgets[0].widnow", "Did you mean window?"]],
  "12-unknown-section": [["4:1", "bugdets", "Did you mean budgets?"]],
  "13-misplaced-key": [["4:1", "port", "Did you mean server.port?"]],
  "14-window": [["5:43", "budgets[0].window", "Did you mean day?"]],
  "15-timezone": [["2:11", "timezone", "Did you mean Europe/Berlin?"]],
  "16-not-built": [["6:3", "savings.history", "Remove savings.history or set it to off."]],
  "17-provider-without-key": [["3:3", "providers.openai", "Add api_key: $" + "{OPENAI_API_KEY}"]],
  "18-variable-not-set": [["5:23", "keys[0].token", "Set it, or write $" + "{NOT_SET_ANYWHERE:-default}."]],
  "19-duplicate-key": [["6:1", "server", "Keep one of the two."]],
  "20-same-name-twice": [["6:13", "budgets[1].name", "Give each of the budgets a name of its own."]],
  "21-tag": [["4:25", "timezone", "Write the value without a tag."]],
  "22-merge-key": [["6:8", "agents.b", "Write the keys out where they are needed."]],
  "23-proto": [["4:1", "", "Remove it or choose another name."]],
  "24-billion-laughs": [["5:19", "", "Write it without aliases (*name)."]],
  "25-tab": [["5:1", "", "Indent with spaces."]],
  "26-open-bracket": [
    ["5:47", "", "Check the indentation, brackets and quotes around here."],
    ["5:48", "", "Check the indentation, brackets and quotes around here."],
  ],
  "27-port": [["4:17", "server.port", "Write it such as 4141."]],
  "28-exposed": [["4:17", "server.host", "Set BURSAR_ADMIN_TOKEN"]],
  "29-yaml-1-1": [["1:1", "", "Remove the %YAML line."]],
  "30-many": [
    ["1:10", "version", "Write it such as 1."],
    ["3:3", "providers.opnai", "Did you mean openai?"],
    ["5:13", "keys[0].name", "Write it such as a-b."],
    ["5:37", "keys[0].models", 'Write it such as ["gpt-4o*"].'],
    ["6:23", "keys[1].token", "Give each of the keys a token of its own."],
    ["6:45", "keys[1].exhausted_status", "Write it such as 402."],
    ["8:48", "budgets[0].count", "Remove count, or limit tokens."],
    ["8:61", "budgets[0].per[0]", "Did you mean agent?"],
    ["8:76", "budgets[0].clamp", "Write on or off"],
  ],
  "31-empty": [["1:1", "", "It has the keys version"]],
  "33-fallbacks-and-routes": [
    ["5:25", "fallbacks.gpt-4o[1]", "Name another model"],
    ["5:33", "fallbacks.gpt-4o[2]", "Keep one of the two."],
    ["6:15", 'fallbacks["claude-*"]', "Write it such as [gpt-4o-mini]."],
    ["8:36", "keys[0].routes[0]", "Did you mean openai-chat?"],
    ["9:36", "keys[1].routes[0]", 'Write it such as openai-chat or "openai-*".'],
    ["9:65", "keys[1].tool_uses_max", "Write it such as 3."],
  ],
  "32-window-zero": [["5:43", "budgets[0].window", "Did you mean rolling 1h?"]],
};

test("every wrong file has its expectation, and there are at least 25", () => {
  const files = readdirSync(folder).map((file) => file.replace(".yaml", ""));
  expect(files.sort()).toEqual(Object.keys(expected).sort());
  expect(files.length).toBeGreaterThanOrEqual(25);
});

test.each(Object.entries(expected))("%s is refused where it is wrong, with what to write instead", (name, told) => {
  const problems = problemsOf(`${name}.yaml`);
  expect(problems.map(({ line, column, path }) => [`${line}:${column}`, path])).toEqual(
    told.map(([place, path]) => [place, path]),
  );
  problems.forEach((problem, index) => {
    expect(problem.suggestion).toContain(told[index]?.[2]);
    expect(problem.file).toBe(`${name}.yaml`);
    expect(problem.message.length).toBeGreaterThan(10);
    expect(problemText(problem)).toContain(`${name}.yaml:${problem.line}:${problem.column} `);
  });
});

test("one error carries all problems, each on a line of its own, in the order of the file", () => {
  const problems = problemsOf("30-many.yaml");
  const error = new ConfigInvalid([...problems].reverse());
  expect(error.code).toBe("config_invalid");
  expect(error.problems).toEqual(problems);
  expect(error.message.split("\n")).toHaveLength(1 + problems.length);
  expect(error.message).toContain("9 problems");
});

test("a token is never shown, not even when it is wrong", () => {
  const problems = problemsOf("30-many.yaml").filter(({ path }) => path.endsWith("token"));
  expect(problems.map(({ value }) => value)).toEqual(["[redacted]"]);
  expect(JSON.stringify(problems)).not.toContain("k1");
});

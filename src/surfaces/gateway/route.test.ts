import { expect, test } from "vitest";
import { routeOf } from "./route.js";

function kind(method: string, target: string): string {
  const routed = routeOf(method, target);
  return routed.kind === "refused" ? routed.error.code : routed.kind;
}

test("chat and messages are found under their own and the short path, whatever the query says", () => {
  for (const target of ["/v1/chat/completions", "/chat/completions", "/v1/messages?beta=true", "/messages"]) {
    expect(kind("POST", target)).toBe("data");
  }
});

test("a path names the agent, percent-encoded, and keeps its route", () => {
  const routed = routeOf("POST", "/agents/research%20bot/v1/chat/completions");
  expect(routed).toMatchObject({ kind: "data", agent: "research bot", dialect: "openai-chat", target: {} });
});

test("credentials in the query string are taken out before anything else sees it", () => {
  expect(routeOf("POST", "/v1/messages?beta=true&key=sk-secret")).toMatchObject({ query: "beta=true" });
});

test("paths that are not plain are refused before routing", () => {
  for (const target of [
    "//v1/chat/completions",
    "/v1/../v1/messages",
    "/agents/a%2fb/v1/messages",
    "/v1/messages/.",
    "/v1\\messages",
    "v1",
  ]) {
    expect(kind("POST", target)).toBe("route_unknown");
  }
});

test("routes of providers that are not served are refused by name and never reach the control plane", () => {
  expect(kind("GET", "/v1/responses/resp_1")).toBe("not_built");
  expect(kind("POST", "/v1beta/models/gemini-2.5-pro:batchGenerateContent")).toBe("not_built");
  expect(kind("POST", "/v1/images/generations")).toBe("not_built");
  expect(kind("GET", "/v1/realtime?model=gpt-realtime")).toBe("not_built");
  expect(kind("GET", "/openai/realtime")).toBe("not_built");
  expect(kind("GET", "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent")).toBe("not_built");
  expect(kind("POST", "/v1/batches")).toBe("not_built");
  expect(kind("POST", "/v1/messages/batches")).toBe("not_built");
  expect(kind("GET", "/v1/whatever")).toBe("route_unknown");
  expect(kind("GET", "/v1/chat/completions")).toBe("method_not_allowed");
  expect(kind("POST", "/agents/x/api/v1/status")).toBe("route_unknown");
});

test("each wire format has its paths, with the model in them where its clients write it there", () => {
  const found = (target: string) => {
    const routed = routeOf("POST", target);
    return routed.kind === "data" ? [routed.dialect, routed.target, routed.query] : routed.kind;
  };
  expect(found("/v1/responses")).toEqual(["openai-responses", {}, ""]);
  expect(found("/agents/a/responses")).toEqual(["openai-responses", {}, ""]);
  expect(found("/v1/messages/count_tokens?beta=true")).toEqual(["anthropic-count-tokens", {}, "beta=true"]);
  expect(found("/openai/deployments/gpt-4o/chat/completions?api-version=1")).toEqual([
    "openai-chat",
    { model: "gpt-4o" },
    "api-version=1",
  ]);
  const gemini = { model: "gemini-2.5-flash", stream: true };
  expect(found("/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse&key=secret")).toEqual([
    "gemini-generate",
    { ...gemini, framing: "sse" },
    "alt=sse",
  ]);
  expect(found("/v1beta/models/gemini-2.5-flash:streamGenerateContent")).toEqual([
    "gemini-generate",
    { ...gemini, framing: "json" },
    "",
  ]);
});

test("lists of models have their paths, one model by its id with slashes and colons, and take GET only", () => {
  const found = (target: string, method = "GET") => {
    const routed = routeOf(method, target);
    return routed.kind === "models" ? [routed.dialect, routed.id, routed.queryKey] : kind(method, target);
  };
  expect(found("/v1/models")).toEqual(["openai-chat", null, undefined]);
  expect(found("/models/")).toEqual(["openai-chat", null, undefined]);
  expect(found("/agents/a/v1/models/openai/gpt-4o")).toEqual(["openai-chat", "openai/gpt-4o", undefined]);
  expect(found("/v1/models/local/llama3:8b")).toEqual(["openai-chat", "local/llama3:8b", undefined]);
  expect(found("/v1beta/models?key=token&pageSize=5")).toEqual(["gemini-generate", null, "token"]);
  expect(found("/v1beta/models/gemini-2.5-pro")).toEqual(["gemini-generate", "gemini-2.5-pro", undefined]);
  expect(found("/v1/models", "POST")).toBe("method_not_allowed");
  expect(found("/v1beta/models/gemini-2.5-pro:generateContent")).toBe("method_not_allowed");
  expect(found("/v1/models/%ff")).toBe("invalid_request");
});

test("Gemini's key in the query is handed over as a token and leaves the query", () => {
  const routed = routeOf("POST", "/v1beta/models/gemini-2.5-flash:generateContent?key=token&alt=sse");
  expect(routed).toMatchObject({ kind: "data", query: "alt=sse", queryKey: "token" });
  expect(routeOf("POST", "/v1/messages")).not.toHaveProperty("queryKey");
});

test("everything else belongs to the control plane; a HEAD of the root is a probe", () => {
  expect(kind("GET", "/")).toBe("control");
  expect(kind("GET", "/api/v1/status")).toBe("control");
  expect(kind("HEAD", "/")).toBe("probe");
});

test("an agent name that is not UTF-8 is refused, not guessed", () => {
  expect(kind("POST", "/agents/%ff/v1/messages")).toBe("invalid_request");
});

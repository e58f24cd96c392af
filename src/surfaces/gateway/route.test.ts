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
  expect(routed).toMatchObject({ kind: "data", agent: "research bot", route: { dialect: "openai-chat" } });
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
  expect(kind("POST", "/v1/responses")).toBe("not_built");
  expect(kind("POST", "/v1beta/models/gemini-2.5-pro:generateContent")).toBe("not_built");
  expect(kind("POST", "/v1/images/generations")).toBe("not_built");
  expect(kind("GET", "/v1/whatever")).toBe("route_unknown");
  expect(kind("GET", "/v1/chat/completions")).toBe("method_not_allowed");
  expect(kind("POST", "/agents/x/api/v1/status")).toBe("route_unknown");
});

test("everything else belongs to the control plane; a HEAD of the root is a probe", () => {
  expect(kind("GET", "/")).toBe("control");
  expect(kind("GET", "/api/v1/status")).toBe("control");
  expect(kind("HEAD", "/")).toBe("probe");
});

test("an agent name that is not UTF-8 is refused, not guessed", () => {
  expect(kind("POST", "/agents/%ff/v1/messages")).toBe("invalid_request");
});

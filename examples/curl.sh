#!/bin/sh
# Calls without a client. The key says who pays; the platform's key may also say which agent and task it is for.
set -eu
url=${BURSAR_URL:-http://127.0.0.1:4141}

echo "-- OpenAI dialect, whole, with Bursar's headers"
curl --fail-with-body -sS -D - "$url/v1/chat/completions" \
  -H 'authorization: Bearer platform-key' -H 'content-type: application/json' \
  -H 'x-bursar-agent: research-bot' -H 'x-bursar-task: report-1' \
  -d '{"model":"gpt-4o-mini","max_tokens":60,"messages":[{"role":"user","content":"Say hello."}]}'

echo; echo "-- the same as a stream, the agent named in the address"
curl --fail-with-body -sSN "$url/agents/research-bot/v1/chat/completions" \
  -H 'authorization: Bearer platform-key' -H 'content-type: application/json' \
  -d '{"model":"gpt-4o-mini","max_tokens":20,"stream":true,"messages":[{"role":"user","content":"Say hello."}]}'

echo "-- Anthropic dialect"
curl --fail-with-body -sS "$url/v1/messages" \
  -H 'x-api-key: support-key' -H 'anthropic-version: 2023-06-01' -H 'content-type: application/json' \
  -d '{"model":"claude-haiku-4-5","max_tokens":60,"messages":[{"role":"user","content":"Say hello."}]}'

echo; echo "-- what this key may still spend"
curl --fail-with-body -sS "$url/api/v1/me" -H 'authorization: Bearer support-key'
echo

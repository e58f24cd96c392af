#!/bin/sh
# Claude Code as it is: its base URL names the agent, its session becomes the task.
set -eu
url=${BURSAR_URL:-http://127.0.0.1:4141}

ANTHROPIC_BASE_URL="$url/agents/research-claude-code" ANTHROPIC_AUTH_TOKEN=platform-key \
  claude --model claude-haiku-4-5 -p "Say hello." </dev/null
echo "-- what is left of its budgets"
curl --fail-with-body -sS "$url/api/v1/me" -H 'authorization: Bearer platform-key' -H 'x-bursar-agent: research-claude-code'
echo

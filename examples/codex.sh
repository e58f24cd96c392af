#!/bin/sh
# Codex as it is. The same settings belong into ~/.codex/config.toml; see docs/guides/codex.md. The key's exhausted_status is
# 400, because Codex asks again after every other refusal.
set -eu
url=${BURSAR_URL:-http://127.0.0.1:4141}

BURSAR_KEY=codex-key codex exec --skip-git-repo-check \
  -c 'model="gpt-5"' -c 'web_search="disabled"' -c 'model_provider="bursar"' \
  -c "model_providers.bursar={name=\"Bursar\",base_url=\"$url/agents/research-codex/v1\",env_key=\"BURSAR_KEY\",wire_api=\"responses\"}" \
  "Say hello." </dev/null

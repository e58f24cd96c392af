#!/bin/sh
# A budget refuses, a dated raise lifts it, and every call can be explained afterwards.
set -eu
url=${BURSAR_URL:-http://127.0.0.1:4141}
bursar=${BURSAR:-node dist/surfaces/cli/bin.js}

# 32,000 tokens of this model may cost $2.40, and task-cap allows $1.50 for each task.
ask() {
  curl -sS "$url/v1/messages" -H 'x-api-key: platform-key' -H 'content-type: application/json' \
    -H "x-bursar-agent: research-opus" -H "x-bursar-task: report-4" -o answer.json -w '%{http_code}\n' \
    -d '{"model":"claude-opus-4-1","max_tokens":32000,"messages":[{"role":"user","content":"Write the yearly report."}]}'
}

$bursar budget list
echo "-- refused"
ask
cat answer.json; echo
echo "-- lifted for an hour, with a reason that stays in the log"
$bursar budget raise task-cap 2.00 --until 1h --reason "the yearly report"
ask
rm answer.json
echo "-- what became of both"
$bursar call list --agent research-opus
$bursar budget show task-cap
$bursar verify

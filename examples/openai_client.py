"""The official Python client: a call, and a refusal as an exception whose text says how to lift it."""

import os

from openai import APIStatusError, OpenAI

url = os.environ.get("BURSAR_URL", "http://127.0.0.1:4141")
client = OpenAI(base_url=f"{url}/v1", api_key="platform-key", default_headers={"x-bursar-agent": "research-py"})

reply = client.chat.completions.create(
    model="gpt-4o-mini",
    max_tokens=60,
    messages=[{"role": "user", "content": "Say hello."}],
    extra_headers={"x-bursar-task": "report-3"},
)
print(reply.choices[0].message.content)

try:
    # Eight answers of up to 32,768 tokens may cost $2.10, and a task may spend $1.50. It is refused before it is sent, once.
    client.chat.completions.create(
        model="gpt-4.1",
        n=8,
        max_tokens=32_768,
        messages=[{"role": "user", "content": "Write a book."}],
        extra_headers={"x-bursar-task": "report-3"},
    )
except APIStatusError as error:
    print("Refused with", error.status_code, "-", error.message)

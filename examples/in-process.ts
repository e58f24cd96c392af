// Bursar without a server: the same holds, budgets and ledger in this process. When a server already runs on the same data
// directory, the same lines go through it; `key` is for that case.
import { BudgetExceeded, bursarErrorOf, openBursar } from "bursar";
import OpenAI from "openai";

const bursar = await openBursar({ config: "examples/bursar.yaml", key: "platform-key", agent: "research-sdk" });
// The configuration simulates every provider, so this key is never used. Without that the client's own connection is.
const openai = bursar.wrap(new OpenAI({ apiKey: "not-used" }));

const answer = await bursar.task("summary", { id: "summary-1", tags: { env: "example" } }, async () => {
  const reply = await openai.chat.completions.create({
    model: "gpt-4o-mini",
    max_tokens: 60,
    messages: [{ role: "user", content: "Summarise: budgets are kept by looking at them." }],
  });
  return reply.choices[0]?.message.content;
});
console.log(answer);

try {
  const book = { model: "gpt-4.1", n: 8, max_tokens: 32_768, messages: [{ role: "user" as const, content: "Write a book." }] };
  await bursar.task("book", { id: "book-1" }, () => openai.chat.completions.create(book));
} catch (error) {
  const refused = bursarErrorOf(error);
  if (!(refused instanceof BudgetExceeded)) throw error;
  console.log("Refused by", refused.details.budget, "-", refused.message);
}

console.log(JSON.stringify(await bursar.status(), null, 2));
await bursar.close();

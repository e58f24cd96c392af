/** Reads one amount after another. Most accounts of a call get the same one, which is then read once: a third of the fold. */
export function openAmountReader(): (text: string) => bigint {
  let last = "0";
  let amount = 0n;
  return (text) => {
    if (text !== last) {
      last = text;
      amount = BigInt(text);
    }
    return amount;
  };
}

/** Writes one amount after another as decimal text, equal neighbours once. */
export function openAmountWriter(): (amount: bigint) => string {
  let last = 0n;
  let text = "0";
  return (amount) => {
    if (amount !== last) {
      last = amount;
      text = String(amount);
    }
    return text;
  };
}

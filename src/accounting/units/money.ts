/** Integer nano-dollars (10⁻⁹ $). Never a float. */
export type Nano = bigint;

/** Integer pico-dollars (10⁻¹² $): price × units before the one rounding. */
export type Pico = bigint;

/** Waits for something to become true, and says what it waited for when it does not. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  waitMs = 20_000,
): Promise<void> {
  const end = Date.now() + waitMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${waitMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

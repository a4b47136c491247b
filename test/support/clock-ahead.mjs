/** The wall clock of a process as if so much time had gone by: nobody waits for a minute to pass. */
const aheadMs = Number(process.env.CLOCK_AHEAD_MS ?? 0);
const now = Date.now;
Date.now = () => now() + aheadMs;

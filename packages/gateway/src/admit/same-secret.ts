import { createHash, timingSafeEqual } from "node:crypto";

/** Compares in a time that does not tell how much was right. */
export function isSameSecret(given: Buffer | string, wanted: string): boolean {
  const digest = (text: Buffer | string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

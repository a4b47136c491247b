import { type Refusal, refuse } from "./refusals.ts";
import { checkTopicFilter, isSharedFilter, type TopicLimits } from "./topic.ts";

export interface SubscribeLimits extends TopicLimits {
  readonly subscriptionsPerClientMax: number;
}

/**
 * Says why a filter cannot be subscribed to, whoever asks.
 *
 * @param held how many other filters the client holds
 */
export function checkSubscription(
  filter: string,
  held: number,
  limits: SubscribeLimits,
): Refusal | undefined {
  if (isSharedFilter(filter)) {
    return refuse("shared-subscriptions-not-supported", "Shared Subscription Available is 0");
  }
  const invalid = checkTopicFilter(filter, limits);
  if (invalid) return invalid;
  return held >= limits.subscriptionsPerClientMax
    ? refuse("quota-exceeded", `at most ${limits.subscriptionsPerClientMax} filters a client`)
    : undefined;
}

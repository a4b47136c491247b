import { describe, expect, test } from "vitest";
import { checkPublishTopic } from "./publish.ts";
import { checkSubscription } from "./subscribe.ts";
import { checkTopicFilter, checkTopicName } from "./topic.ts";

const limits = { topicBytesMax: 20, topicLevelsMax: 4, subscriptionsPerClientMax: 2 };

describe("the topic of a publish", () => {
  test.each(["a", "a/b", "/", "/a", "a/", "a//b", "ä/ö", "a b", "$SYS/x"])("may be %j", (topic) => {
    expect(checkTopicName(topic, limits)).toBeUndefined();
  });

  test.each([
    ["", "malformed-packet"],
    ["a/+/b", "malformed-packet"],
    ["a/#", "malformed-packet"],
    ["a\0b", "malformed-packet"],
    ["a/b/c/d/e", "topic-name-invalid"],
    ["123456789012345678901", "topic-name-invalid"],
    ["öööööööööööö", "topic-name-invalid"],
  ])("may not be %j: %s", (topic, refused) => {
    expect(checkTopicName(topic, limits)?.refused).toBe(refused);
  });

  test("is as deep as the limit says and no deeper", () => {
    expect(checkTopicName("a/b/c/d", limits)).toBeUndefined();
    expect(checkTopicName("a/b/c/d/", limits)?.refused).toBe("topic-name-invalid");
  });

  test("does not begin with $, which is the server's", () => {
    expect(checkPublishTopic("$SYS/x", limits)?.refused).toBe("topic-name-invalid");
    expect(checkPublishTopic("a/$SYS", limits)).toBeUndefined();
  });
});

describe("a topic filter", () => {
  test.each(["#", "+", "a/#", "+/+", "a/+/b", "/#", "a//+", "$SYS/#"])("may be %j", (filter) => {
    expect(checkTopicFilter(filter, limits)).toBeUndefined();
  });

  test.each(["", "a#", "a/#/b", "#/a", "a+", "a/+b", "a/b/c/d/e"])("may not be %j", (filter) => {
    expect(checkTopicFilter(filter, limits)?.refused).toBe("topic-filter-invalid");
  });

  test("holds no U+0000", () => {
    expect(checkTopicFilter("a\0", limits)?.refused).toBe("malformed-packet");
  });

  test("is not shared", () => {
    expect(checkSubscription("$share/g/a", 0, limits)?.refused).toBe(
      "shared-subscriptions-not-supported",
    );
  });

  test("is one of at most so many of a client", () => {
    expect(checkSubscription("a", 1, limits)).toBeUndefined();
    expect(checkSubscription("a", 2, limits)?.refused).toBe("quota-exceeded");
  });
});

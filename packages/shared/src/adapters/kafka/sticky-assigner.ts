import { AssignerProtocol, type PartitionAssigner } from "kafkajs";

const { MemberAssignment, MemberMetadata } = AssignerProtocol;

/**
 * Gives every member an even share, and takes from nobody more than it must: kafkajs' own assigner
 * deals all partitions anew at each change, and every one that moves is a claim and a cold cache.
 *
 * Members say what they hold when they join; of two that say the same, the first by name keeps it.
 */
export function stickyAssigner(held: () => readonly number[]): PartitionAssigner {
  return ({ cluster }) => ({
    name: "millrace-sticky",
    version: 1,
    async assign({ members, topics }) {
      const [topic = ""] = topics;
      const partitions = cluster
        .findTopicPartitionMetadata(topic)
        .map(({ partitionId }: { partitionId: number }) => partitionId)
        .sort((a: number, b: number) => a - b);
      const wishes = members
        .map(({ memberId, memberMetadata }) => ({ memberId, wants: wantsOf(memberMetadata) }))
        .sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
      return deal(partitions, wishes).map(({ memberId, gets }) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({
          version: 1,
          assignment: { [topic]: gets },
          userData: Buffer.alloc(0),
        }),
      }));
    },
    protocol({ topics }) {
      const userData = Buffer.from(JSON.stringify(held()));
      return {
        name: "millrace-sticky",
        metadata: MemberMetadata.encode({ version: 1, topics, userData }),
      };
    },
  });
}

function wantsOf(metadata: Buffer): readonly number[] {
  try {
    const decoded = MemberMetadata.decode(metadata);
    const wants: unknown = JSON.parse(decoded?.userData.toString("utf8") || "[]");
    return Array.isArray(wants) ? wants.filter((one): one is number => Number.isInteger(one)) : [];
  } catch {
    return [];
  }
}

interface Wish {
  readonly memberId: string;
  readonly wants: readonly number[];
}

/** Exported for its tests. */
export function deal(
  partitions: readonly number[],
  wishes: readonly Wish[],
): { memberId: string; gets: number[] }[] {
  const least = Math.floor(partitions.length / wishes.length);
  let extra = partitions.length - least * wishes.length;
  const free = new Set(partitions);
  const hands = wishes.map(({ memberId, wants }) => ({ memberId, wants, gets: [] as number[] }));
  // Those who hold most keep the shares that are one larger: that moves fewest.
  for (const hand of [...hands].sort((a, b) => b.wants.length - a.wants.length)) {
    const kept = [...new Set(hand.wants)].filter((partition) => free.has(partition));
    const share = kept.length > least && extra > 0 ? least + 1 : least;
    if (share > least) extra -= 1;
    for (const partition of kept.slice(0, share)) {
      free.delete(partition);
      hand.gets.push(partition);
    }
  }
  const rest = [...free];
  for (const hand of [...hands].sort((a, b) => a.gets.length - b.gets.length)) {
    while (hand.gets.length < least && rest.length > 0) hand.gets.push(rest.shift() as number);
  }
  for (const hand of hands) {
    if (rest.length === 0) break;
    if (hand.gets.length === least) hand.gets.push(rest.shift() as number);
  }
  return hands.map(({ memberId, gets }) => ({ memberId, gets: gets.sort((a, b) => a - b) }));
}

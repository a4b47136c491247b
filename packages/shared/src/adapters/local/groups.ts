import type { Topic } from "../../ports/event-log.ts";

/**
 * Who in this process reads which partition: what a broker's group coordinator does, for logs that
 * live in one process.
 */
export interface Member {
  /** Partitions changed hands. */
  rebalanced(): void;
}

export interface Group {
  readonly members: Member[];
  /** The owner of each partition. */
  readonly owners: (Member | undefined)[];
}

export class Groups {
  readonly #groups = new Map<string, Group>();
  readonly #partitionsOf: (topic: Topic) => number;

  constructor(partitionsOf: (topic: Topic) => number) {
    this.#partitionsOf = partitionsOf;
  }

  group(name: string, topic: Topic): Group {
    let group = this.#groups.get(name);
    if (group === undefined) {
      const owners = new Array<Member | undefined>(this.#partitionsOf(topic)).fill(undefined);
      group = { members: [], owners };
      this.#groups.set(name, group);
    }
    return group;
  }

  join(group: Group, member: Member): void {
    group.members.push(member);
    rebalance(group);
  }

  /** A member left, or the group thinks that it did. */
  leave(group: Group, member: Member): void {
    const at = group.members.indexOf(member);
    if (at < 0) return;
    group.members.splice(at, 1);
    rebalance(group);
  }
}

/** Sticky and even: nobody gives up more than it must. */
function rebalance({ members, owners }: Group): void {
  const share = members.length === 0 ? 0 : Math.ceil(owners.length / members.length);
  const held = new Map(members.map((member) => [member, 0]));
  for (const [partition, owner] of owners.entries()) {
    const count = owner === undefined ? undefined : held.get(owner);
    if (owner === undefined || count === undefined || count >= share) owners[partition] = undefined;
    else held.set(owner, count + 1);
  }
  for (const [partition, owner] of owners.entries()) {
    if (owner !== undefined) continue;
    const [least] = [...held].sort((a, b) => a[1] - b[1]);
    if (least === undefined) break;
    owners[partition] = least[0];
    held.set(least[0], least[1] + 1);
  }
  for (const member of members) member.rebalanced();
}

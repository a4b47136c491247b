import { type Refusal, type RefusalName, refusals } from "../admit/refusals.ts";
import type { ListenLine } from "./log.ts";

/** How a connection ends. */
export interface Ending {
  readonly event: ListenLine["event"];
  readonly level: ListenLine["level"];
  readonly reason: string;
  /** The reason code of our DISCONNECT to an MQTT 5 client; absent: it gets none. */
  readonly code?: number;
  /** What a developer of the client should read: Reason String of our DISCONNECT (3.14.2.2.3). */
  readonly says?: string;
  /** Whether the client's will is published: always, but after its own DISCONNECT [MQTT-3.1.2-10]. */
  readonly will: boolean;
  /** The client id of one that was not let in, where it was read. */
  readonly client?: string;
}

/** The client broke a rule, or was refused something that only the end of the connection can say. */
export function endRefusing({ refused, detail }: Refusal): Ending {
  return {
    event: "ended",
    level: "warn",
    reason: `${refused}: ${detail}`,
    code: refusals[refused].reason,
    says: detail,
    will: true,
  };
}

/** The server ends it for a reason that is no fault of the client. */
export function endByServer(refused: RefusalName, reason: string): Ending {
  return { event: "ended", level: "info", reason, code: refusals[refused].reason, will: true };
}

/** The client said goodbye; it wants its will published after all with reason 0x04 (3.14.2.1). */
export function endByClient(reasonCode: number): Ending {
  return {
    event: "ended",
    level: "debug",
    reason: `the client disconnected with ${reasonCode}`,
    will: reasonCode !== 0,
  };
}

/** The network connection is gone without a DISCONNECT. */
export function endLost(cause: string): Ending {
  return { event: "ended", level: "info", reason: `connection lost: ${cause}`, will: true };
}

/** A client that was not let in. It has no session, so there is neither DISCONNECT nor will. */
export function endUnheard({ refused, detail }: Refusal, client?: string): Ending {
  const reason = `${refused}: ${detail}`;
  const known = client === undefined ? {} : { client };
  return { event: "refused", level: "warn", reason, will: false, ...known };
}

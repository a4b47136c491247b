import type { Effect, Outcome } from "../contract/effect.ts";
import type { OperatorCommand, Where } from "../contract/event-record.ts";
import type { Bindings } from "../contract/instance.ts";
import type { Json, JsonObject } from "../contract/json.ts";
import type { RejectionCode } from "../contract/journal-record.ts";
import type { InstanceRef } from "../contract/names.ts";
import type { EpochMs } from "../contract/time.ts";
import type { Flow } from "../flow/flow.ts";

/** What an instance may be told. One kind a file in decide/. */
export type Input =
  | DeviceInput
  | SignalInput
  | ResultInput
  | ParkedInput
  | OperatorInput
  | TimerInput;

interface FromLog {
  /** Whom it is for. */
  readonly to: InstanceRef;
  /** Its offset on `events`. */
  readonly offset: number;
  /** Log time of its arrival. */
  readonly at: EpochMs;
  /** The rejected input that it gives again, as `partition-offset` of its rejection. */
  readonly redrive?: string | undefined;
}

/** A device's publish, as one input of one flow version reads it. */
export interface DeviceInput extends FromLog {
  readonly kind: "device";
  /** The version to begin with; the one that the instance runs, where there is one. */
  readonly flow: Flow;
  /** The input's name: the event's type. */
  readonly type: string;
  readonly thing: string;
  /** The bindings of the deployment that it came by. */
  readonly things?: Bindings;
  readonly client: string;
  readonly topic: string;
  readonly levels: readonly string[];
  /** What identifies the event, where the input says so. */
  readonly id: string | undefined;
  readonly payload: Json;
  /** Why the payload is not what the input says it is. */
  readonly misfit?: { readonly code: RejectionCode; readonly detail: string };
  readonly originAt?: EpochMs;
}

/** An event for one instance from a person, a program or another instance. */
export interface SignalInput extends FromLog {
  readonly kind: "signal";
  readonly type: string;
  readonly id: string;
  /** The effect whose `send` it was; such a signal may begin an instance. */
  readonly effect: string | undefined;
  /** What the instance must still be like. */
  readonly where?: Where | undefined;
  readonly payload: JsonObject;
}

/** How an effect ended. */
export interface ResultInput extends FromLog {
  readonly kind: "result";
  readonly effect: string;
  readonly outcome: Outcome;
  /** Whether it may have been told before. */
  readonly again?: true | undefined;
  readonly payload: JsonObject;
}

/** An effect that the dispatcher has put aside. */
export interface ParkedInput extends FromLog {
  readonly kind: "parked";
  readonly effectId: string;
  readonly effect: Effect;
  /** W3C `traceparent` of what caused the effect. */
  readonly trace?: string | undefined;
}

/** What an operator does with an instance. */
export interface OperatorInput extends FromLog {
  readonly kind: "operator";
  readonly action: OperatorCommand["action"];
  readonly id: string;
  readonly where: Where | undefined;
  readonly payload: JsonObject;
}

/** The earliest timer or deadline of an instance has come. */
export interface TimerInput {
  readonly kind: "timer";
  readonly to: InstanceRef;
  /** Log time at which it fires, at or after the time it was due. */
  readonly at: EpochMs;
}

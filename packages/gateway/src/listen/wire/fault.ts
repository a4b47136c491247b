import { type Refusal, type RefusalName, refuse } from "../../admit/refusals.ts";

/** Bytes that are no MQTT: thrown while a packet is read, caught where its connection is ended. */
export class PacketFault extends Error {
  override readonly name = "PacketFault";
  readonly refusal: Refusal;

  constructor(refused: RefusalName, detail: string) {
    super(detail);
    this.refusal = refuse(refused, detail);
  }
}

export function malformed(detail: string): never {
  throw new PacketFault("malformed-packet", detail);
}

export function protocolError(detail: string): never {
  throw new PacketFault("protocol-error", detail);
}

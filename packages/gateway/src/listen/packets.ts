import type { Packet } from "mqtt-packet";
import { endByClient } from "./ending.ts";
import { takePublish } from "./publishing.ts";
import type { Session } from "./session.ts";
import { takeSubscribe, takeUnsubscribe } from "./subscribing.ts";
import { readControl } from "./wire/control.ts";
import { malformed, protocolError } from "./wire/fault.ts";
import type { FrameReader } from "./wire/frame-reader.ts";
import { readPubackCode, readPubackId } from "./wire/puback.ts";
import { readPublish } from "./wire/publish-decode.ts";
import { checkDisconnect, checkSubscribe, checkUnsubscribe } from "./wire/subscribe-packet.ts";

/** First bytes: the type of a packet in the upper half (2.1.2), flags in the lower. */
export const CONNECT = 0x10;
const PUBLISH = 0x30;
const PUBACK = 0x40;
const PINGREQ = 0xc0;
const PINGRESP = Buffer.from([0xd0, 0]);

export function isQos1Publish(first: number): boolean {
  return (first & 0xf6) === 0x32;
}

/**
 * Handles the packet that the reader took last.
 *
 * @throws PacketFault when it is malformed, or not one that a client may send now
 */
export function handlePacket(session: Session, reader: FrameReader): void {
  const { buffer, first, start, stop } = reader;
  switch (first & 0xf0) {
    case PUBLISH:
      takePublish(session, readPublish(buffer, first, start, stop, session.speaks5));
      return;
    case PUBACK: {
      if (first !== PUBACK) malformed("flags in a PUBACK [MQTT-2.1.3-1]");
      const code = readPubackCode(buffer, start, stop, session.speaks5);
      session.acknowledged(readPubackId(buffer, start, stop), code);
      return;
    }
    case PINGREQ:
      if (first !== PINGREQ || stop !== start) malformed("a PINGREQ with flags or a body");
      session.connection.send(PINGRESP);
      return;
    default: {
      const frame = wholePacket(first, buffer.subarray(start, stop));
      handleControl(session, readControl(frame, session.info.protocol), frame);
    }
  }
}

function handleControl(session: Session, packet: Packet, frame: Buffer): void {
  switch (packet.cmd) {
    case "subscribe":
      return takeSubscribe(session, checkSubscribe(packet, frame));
    case "unsubscribe":
      return takeUnsubscribe(session, checkUnsubscribe(packet, frame));
    case "disconnect":
      return session.connection.end(endByClient(checkDisconnect(packet, frame)));
    case "connect":
      return protocolError("a second CONNECT [MQTT-3.1.0-2]");
    default:
      return protocolError(`${packet.cmd.toUpperCase()} is not for a client to send here`);
  }
}

/** A packet with its fixed header, as mqtt-packet wants it. */
export function wholePacket(first: number, body: Buffer): Buffer {
  const header = [first];
  let rest = body.length;
  do {
    header.push((rest & 0x7f) | (rest >= 0x80 ? 0x80 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.from(header), body]);
}

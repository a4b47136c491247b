import { messageOf } from "@millrace/shared/errors/operational";
import { randomName } from "@millrace/shared/ports/clock";
import { checkConnect } from "../admit/connect.ts";
import { connackCode, type ProtocolLevel, type Refusal, refuse } from "../admit/refusals.ts";
import type { Admission, ClientInfo, ConnectRequest } from "./broker.ts";
import type { Connection } from "./connection.ts";
import { endByServer } from "./ending.ts";
import type { Listening } from "./listening.ts";
import { CONNECT, wholePacket } from "./packets.ts";
import { Session } from "./session.ts";
import { type ConnectPacket, isForeignLevel, readConnect } from "./wire/connect-packet.ts";
import { encodeControl } from "./wire/control.ts";

/**
 * Takes a connection's first packet, its CONNECT.
 *
 * H1 A client that is refused takes nothing over: the older connection of its client id lives on.
 * H2 The older connection has ended, its subscriptions are gone and the broker knows, before CONNACK
 *    tells the new client that it is in [MQTT-3.1.4-3].
 *
 * @throws PacketFault when it is malformed
 */
export async function shakeHands(connection: Connection, body: Buffer): Promise<void> {
  if (isForeignLevel(body)) {
    // In the words of 3.1.1, which all clients understand [MQTT-3.1.2-2].
    return refuseConnect(
      connection,
      4,
      refuse("protocol-not-supported", "a level we do not speak"),
    );
  }
  const packet = readConnect(wholePacket(CONNECT, body));
  const { world } = connection;
  const refusal = checkConnect(factsOf(packet), world.limits);
  if (refusal) return refuseConnect(connection, packet.protocol, refusal, packet.client);

  const request = requestOf(connection, packet);
  const admission = await admit(world, request);
  if (connection.isOver) return;
  if ("refused" in admission) {
    return refuseConnect(connection, packet.protocol, admission, request.client);
  }
  const info = infoOf(connection, request, admission);
  const { will } = packet;
  if (will !== undefined && !world.broker.authorize(info, "publish", will.topic)) {
    const denied = refuse("not-authorized", `a will on ${will.topic}`);
    return refuseConnect(connection, packet.protocol, denied, request.client);
  }
  letIn(connection, packet, request, info);
}

async function admit(world: Listening, request: ConnectRequest): Promise<Admission> {
  try {
    return await world.broker.admit(request);
  } catch (error) {
    return refuse("server-unavailable", `admission failed: ${messageOf(error)}`);
  }
}

function letIn(
  connection: Connection,
  packet: ConnectPacket,
  request: ConnectRequest,
  info: ClientInfo,
): void {
  const { world } = connection;
  takeOver(world, info);
  const session = new Session(world, connection, {
    info,
    will: packet.will,
    // Ids are dropped once sent, so what is in flight costs little; it is bounded all the same.
    receiveMaximum: Math.min(
      packet.receiveMaximum ?? (packet.protocol === 5 ? 65_535 : world.limits.receiveMax),
      world.limits.outboundMessagesMax,
    ),
    packetBytesMax: packet.maximumPacketSize ?? Number.POSITIVE_INFINITY,
  });
  world.clients.enter(session);
  world.counters.connects++;
  world.broker.attached(info);

  const keepAliveSeconds = keepAliveOf(packet, world);
  const connack = encodeAccepted(packet, request, keepAliveSeconds, world);
  if (connack.length > session.packetBytesMax) {
    // It may not be sent [MQTT-3.1.2-24], and there is no smaller way to say yes.
    connection.opened(session, 0);
    connection.end(endByServer("packet-too-large", "its Maximum Packet Size is below CONNACK"));
    return;
  }
  connection.send(connack);
  session.log("debug", "connected", `MQTT level ${info.protocol}`);
  if (packet.will?.retain) session.retainIgnored();
  // 1.5 times what the client promised [MQTT-3.1.2-22].
  connection.opened(session, keepAliveSeconds * 1_500);
}

function takeOver(world: Listening, { ns, client }: ClientInfo): void {
  const older = world.clients.get(ns, client);
  if (older === undefined) return;
  world.counters.takeovers++;
  older.connection.end(endByServer("session-taken-over", "its client id connected again"));
}

/** An MQTT 5 client is told how long it may be silent; the others know only what they asked for. */
function keepAliveOf({ protocol, keepAliveSeconds }: ConnectPacket, { limits }: Listening): number {
  const max = limits.keepAliveSecondsMax;
  if (protocol < 5) return keepAliveSeconds;
  return keepAliveSeconds === 0 || keepAliveSeconds > max ? max : keepAliveSeconds;
}

function encodeAccepted(
  packet: ConnectPacket,
  request: ConnectRequest,
  keepAliveSeconds: number,
  { limits }: Listening,
): Buffer {
  if (packet.protocol < 5) {
    return encodeControl({ cmd: "connack", returnCode: 0, sessionPresent: false }, packet.protocol);
  }
  const properties = {
    sessionExpiryInterval: 0,
    receiveMaximum: limits.receiveMax,
    maximumQoS: 1,
    retainAvailable: false,
    maximumPacketSize: limits.packetBytesMax,
    topicAliasMaximum: limits.topicAliasMax,
    sharedSubscriptionAvailable: false,
    ...(request.assigned && { assignedClientIdentifier: request.client }),
    ...(keepAliveSeconds !== packet.keepAliveSeconds && { serverKeepAlive: keepAliveSeconds }),
  };
  return encodeControl({ cmd: "connack", reasonCode: 0, sessionPresent: false, properties }, 5);
}

function refuseConnect(
  connection: Connection,
  protocol: ProtocolLevel,
  refusal: Refusal,
  client?: string,
): void {
  const code = connackCode(refusal.refused, protocol);
  if (code !== "close") {
    const said = protocol === 5 ? { reasonCode: code } : { returnCode: code };
    connection.send(encodeControl({ cmd: "connack", sessionPresent: false, ...said }, protocol));
  }
  connection.refuseFirst(refusal, client);
}

function factsOf(packet: ConnectPacket): Parameters<typeof checkConnect>[0] {
  const { will, username, password, ...rest } = packet;
  return {
    ...rest,
    hasUsername: username !== undefined,
    hasPassword: password !== undefined,
    ...(will && { will: { ...will, payloadBytes: will.payload.length } }),
  };
}

function requestOf({ world, address }: Connection, packet: ConnectPacket): ConnectRequest {
  const { protocol, keepAliveSeconds, username, password, will } = packet;
  const assigned = packet.client === "";
  return {
    client: assigned ? randomName(world.clock, "auto") : packet.client,
    assigned,
    protocol,
    address,
    keepAliveSeconds,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(will && { will: { topic: will.topic, qos: will.qos === 0 ? 0 : 1, retain: will.retain } }),
  };
}

let connections = 0;

function infoOf(
  { address }: Connection,
  { client, protocol, username }: ConnectRequest,
  { ns, thing }: { ns: string; thing?: string },
): ClientInfo {
  return {
    ns,
    client,
    connection: (++connections).toString(36),
    protocol,
    address,
    ...(thing !== undefined && { thing }),
    ...(username !== undefined && { username }),
  };
}

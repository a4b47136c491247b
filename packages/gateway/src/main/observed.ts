import type { Observe } from "@millrace/shared/telemetry/observe";
import type { MqttStats } from "../listen/listener.ts";

/** What a gateway counts, as metrics: looked at when somebody asks, never counted twice. */
export function observeMqtt(
  observe: Observe,
  mqtt: MqttStats & { readonly unmatched: number },
): void {
  observe("millrace.gateway.connections", mqtt.connections);
  observe("millrace.gateway.clients", mqtt.clients);
  observe("millrace.gateway.connections.held", mqtt.held);
  observe("millrace.gateway.publishes.pending", mqtt.underWay);
  observe("millrace.gateway.connections.accepted", mqtt.accepted, { outcome: "taken" });
  observe("millrace.gateway.connections.accepted", mqtt.acceptsRefused, { outcome: "refused" });
  observe("millrace.gateway.connects", mqtt.connects, { outcome: "let-in" });
  observe("millrace.gateway.connects", mqtt.connectsRefused, { outcome: "refused" });
  const ended = "millrace.gateway.connections.ended";
  observe(ended, mqtt.keepAliveTimeouts, { reason: "keep-alive" });
  observe(ended, mqtt.protocolErrors, { reason: "protocol" });
  observe(ended, mqtt.takeovers, { reason: "taken-over" });
  observe("millrace.gateway.publishes", mqtt.publishesQos0, { qos: "0" });
  observe("millrace.gateway.publishes", mqtt.publishesQos1, { qos: "1" });
  const notWritten = "millrace.gateway.publishes.dropped";
  observe(notWritten, mqtt.publishesDropped, { reason: "behind" });
  observe(notWritten, mqtt.publishesRefused, { reason: "refused" });
  observe(notWritten, mqtt.unmatched, { reason: "no-flow" });
  observe(notWritten, mqtt.repeatsIgnored, { reason: "repeat" });
  observe("millrace.gateway.sends", mqtt.sentQos0, { qos: "0" });
  observe("millrace.gateway.sends", mqtt.sentQos1, { qos: "1" });
  const notSent = "millrace.gateway.sends.dropped";
  observe(notSent, mqtt.sendsDroppedSlow, { reason: "slow" });
  observe(notSent, mqtt.sendsDroppedTooLarge, { reason: "too-large" });
  observe(notSent, mqtt.sendsDroppedExpired, { reason: "expired" });
  observe(notSent, mqtt.sendsDenied, { reason: "denied" });
}

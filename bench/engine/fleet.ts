/** The motion-light work (docs/benchmarks.md): what the devices publish, the same each time. */
export interface FleetEvent {
  readonly topic: string;
  readonly payload: Buffer;
}

/** The cycle of one device. `clear` in other states than `lit` changes nothing, as in a real house. */
const cycle = [
  { type: "motion", lux: 12 },
  { type: "motion", lux: 18 },
  { type: "clear", lux: 0 },
  { type: "motion", lux: 9 },
  { type: "clear", lux: 0 },
  { type: "motion", lux: 55 },
  { type: "clear", lux: 0 },
] as const;

const PADDING = "x".repeat(48);

/** Event `n` of a fleet whose devices take turns; a payload is about 110 bytes. */
export function fleetEvent(n: number, devices: number): FleetEvent {
  const device = n % devices;
  const { type, lux } = cycle[Math.floor(n / devices) % cycle.length] as (typeof cycle)[number];
  const payload = { lux, at: 1_700_000_000_000 + n, id: `${device}-${n}`, padding: PADDING };
  return { topic: `site/d${device}/${type}`, payload: Buffer.from(JSON.stringify(payload)) };
}

/** The motion light of the benchmark; it counts in `lit`, too. */
export const motionLight = `
flow: motion-light
inputs:
  motion:
    topic: site/+/motion
    thing: \${topic[1]}
    schema: { type: object, required: [lux], properties: { lux: { type: number } } }
  clear: { topic: site/+/clear, thing: "\${topic[1]}" }
commands:
  light: { topic: "site/\${thing.name}/light/set", qos: 1, expires: 30s }
machine:
  initial: idle
  context: { hits: 0 }
  states:
    idle:
      on:
        motion:
          guard: event.lux < 40
          target: lit
          actions:
            - assign: { hits: context.hits + 1 }
            - { command: light, payload: { level: 100 } }
    lit:
      on:
        motion: { actions: [ { assign: { hits: context.hits + 1 } } ] }
        clear: { target: dimming, actions: [ { command: light, payload: { level: 20 } } ] }
    dimming:
      on:
        motion: { target: lit, actions: [ { command: light, payload: { level: 100 } } ] }
      after:
        30s: { target: idle, actions: [ { command: light, payload: { level: 0 } } ] }
`;

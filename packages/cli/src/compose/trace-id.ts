/** Of a `traceparent` (W3C Trace Context). */
export function traceIdOf(trace: string): string {
  return trace.split("-")[1] ?? trace;
}

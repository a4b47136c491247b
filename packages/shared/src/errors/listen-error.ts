import { OperationalError } from "./operational.ts";

/** Where somebody wanted to listen, and the setting that says so. */
export interface ListenPlace {
  readonly host: string;
  readonly port: number;
  readonly setting: string;
}

/** What kept a server from listening, as an operator can read it. */
export function listenError(error: NodeJS.ErrnoException, place: ListenPlace): Error {
  const { host, port, setting } = place;
  if (error.code === "EADDRINUSE") {
    const detail = `something listens on ${host}:${port} already; stop it, or choose another port with ${setting}`;
    return new OperationalError("START-001", { ...place }, detail, error);
  }
  if (error.code === undefined) return error;
  const mayNot = error.code === "EACCES";
  const name = mayNot ? setting : "MILLRACE_HOST";
  const value = mayNot ? String(port) : host;
  const wanted = mayNot
    ? "a port that this user may listen on: 1024 or above"
    : "an address of this machine";
  const detail = `${name}: cannot listen on ${host}:${port} (${error.code}); wanted: ${wanted}`;
  return new OperationalError(
    "CONFIG-002",
    { name, from: "the settings", value, wanted },
    detail,
    error,
  );
}

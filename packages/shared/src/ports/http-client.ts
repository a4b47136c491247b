/** One HTTP request, whole. */
export interface HttpRequest {
  readonly method: string;
  /** http or https, without a user name or password. */
  readonly url: URL;
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** A larger answer is broken off. */
  readonly bodyBytesMax: number;
  /** Aborted, the request ends at once, and its connection with it. */
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** By their names in lower case; of several of one name, the first. */
  readonly headers: Readonly<Record<string, string>>;
  /** undefined where it would be larger than `bodyBytesMax`. */
  readonly body: Buffer | undefined;
}

export type HttpFailureReason =
  | "timeout"
  | "dns"
  | "refused"
  | "connection"
  | "tls"
  | "too-large"
  | "not-allowed";

/** No answer. What it says has nothing of the request in it, which may hold secrets. */
export class HttpFailure extends Error {
  readonly reason: HttpFailureReason;
  /** The code of what went wrong, or the address that is not allowed. */
  readonly detail: string | undefined;

  constructor(reason: HttpFailureReason, detail?: string) {
    super(detail === undefined ? reason : `${reason}: ${detail}`);
    this.reason = reason;
    this.detail = detail;
  }
}

/**
 * Whether a request may go to an address; asked of every address that a connection is made to.
 *
 * @param host as in the URL, in lower case
 */
export type AllowsAddress = (address: string, host: string, port: number) => boolean;

/** Makes HTTP requests, one at a time as it is asked to: no redirects, no repeats, no cookies. */
export interface HttpClient {
  /** @throws HttpFailure, and nothing else */
  send(request: HttpRequest): Promise<HttpResponse>;
  /** Ends what is under way. */
  close(): Promise<void>;
}

import type { Authorize } from "@millrace/shared/policy/authorize";

/** A policy that allows everything but what it is told to deny; which may change while a test runs. */
export class Denials {
  #denied: { readonly action: string; readonly written: string; readonly resource: RegExp }[] = [];

  readonly authorize: Authorize = (_principal, action, resource) => {
    const by = this.#denied.find((one) => one.action === action && one.resource.test(resource));
    return by === undefined
      ? { allow: true, by: "no-policies" }
      : { allow: false, by: `${by.action} ${by.written}` };
  };

  /** From here on, no flow may do this; `*` in the resource stands for anything. */
  deny(action: string, written: string): void {
    const parts = written.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
    this.#denied.push({ action, written, resource: new RegExp(`^${parts.join(".*")}$`) });
  }

  /** From here on, everything is allowed again. */
  lift(): void {
    this.#denied = [];
  }
}

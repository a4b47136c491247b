/** Counts what passed and what failed; its last line is what CI reads. */
export class Tally {
  passed = 0;
  failed = 0;

  add(ok) {
    if (ok) this.passed += 1;
    else this.failed += 1;
  }

  /** @returns the exit code */
  close() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    return this.failed > 0 || this.passed === 0 ? 1 : 0;
  }
}

// The server's clock, as a page sees it: an offset with the bounds of its error. Also helpers for times that other files use.
// SPDX-License-Identifier: Apache-2.0

const WINDOW = 30_000; // ms for which an answer, or a value of Lowest, is used
const GROUP = 1000; // ms: answers within this time share one entry
const SLACK = 1; // ms by which bounds may contradict each other, because clocks are rounded

export const now = () => performance.now();

export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

// The lowest value of the last 30 s; undefined if there is none.
export class Lowest {
  #values = []; // {at, value}, rising in both

  add(at, value) {
    while (this.#values.length > 0 && this.#values.at(-1).value >= value) this.#values.pop();
    this.#values.push({ at, value });
    while (at - this.#values[0].at > WINDOW) this.#values.shift();
  }

  get value() {
    return this.#values[0]?.value;
  }
}

// Each answer bounds the offset: the server read its clock after the request was sent and before the answer arrived.
// All bounds of the last 30 s are intersected, so one fast request and one fast answer are enough, even of different
// pairs. Times are in ms.
export class ServerClock {
  #bounds = []; // {at, low, high}
  #low = -Infinity;
  #high = Infinity;
  #rounding = 0; // ms: resolution of performance.now(), which is 1 ms in Firefox

  // `sent` and `received` are times of performance.now(), `server` is the server's Unix time.
  add(sent, server, received) {
    const low = server - received;
    const high = server - sent;
    const last = this.#bounds.at(-1);
    if (last !== undefined && received - last.at < GROUP) {
      last.low = Math.max(last.low, low);
      last.high = Math.min(last.high, high);
    } else {
      this.#bounds.push({ at: received, low, high });
    }
    this.#rounding = Number.isInteger(sent) && Number.isInteger(received) ? 1 : 0.1;
    this.#bounds = this.#bounds.filter(({ at }) => received - at < WINDOW);
    this.#intersect();
    if (this.#low <= this.#high + SLACK) return;
    // One of the clocks was set, or this device was suspended: earlier answers are worthless.
    this.#bounds = [{ at: received, low, high }];
    this.#intersect();
  }

  #intersect() {
    this.#low = Math.max(...this.#bounds.map(({ low }) => low));
    this.#high = Math.min(...this.#bounds.map(({ high }) => high));
  }

  get known() {
    return this.#bounds.length > 0;
  }

  // Maximum error of unixTime() in ms.
  get error() {
    return Math.abs(this.#high - this.#low) / 2 + this.#rounding;
  }

  // The server's Unix time in seconds at a given performance.now().
  unixTime(at) {
    return (at + (this.#low + this.#high) / 2) / 1000;
  }
}

// The server's clock, as a page sees it: an offset with the bounds of its error. Also helpers for times that other files use.
// SPDX-License-Identifier: Apache-2.0

const WINDOW = 30_000; // ms for which an answer, or a value of Lowest, is used
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
  #upper = new Lowest(); // bounds of the offset
  #lower = new Lowest(); // the same with the opposite sign
  #rounding = 0; // ms: resolution of performance.now(), which is 1 ms in Firefox

  // `sent` and `received` are times of performance.now(), `server` is the server's Unix time.
  add(sent, server, received) {
    this.#rounding = Number.isInteger(sent) && Number.isInteger(received) ? 1 : 0.1;
    this.#bound(sent, server, received);
    if (this.#width >= -SLACK) return;
    // One of the clocks was set, or this device was suspended: earlier answers are worthless.
    this.#upper = new Lowest();
    this.#lower = new Lowest();
    this.#bound(sent, server, received);
  }

  #bound(sent, server, received) {
    this.#upper.add(received, server - sent);
    this.#lower.add(received, received - server);
  }

  // ms between the bounds; negative if they contradict each other
  get #width() {
    return this.#upper.value + this.#lower.value;
  }

  get known() {
    return this.#upper.value !== undefined;
  }

  // Maximum error of unixTime() in ms.
  get error() {
    return Math.abs(this.#width) / 2 + this.#rounding;
  }

  // The server's Unix time in seconds at a given performance.now().
  unixTime(at) {
    return (at + (this.#upper.value - this.#lower.value) / 2) / 1000;
  }
}

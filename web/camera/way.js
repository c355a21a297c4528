// Which frames are on their way to the pipeline, and whether another one may start.
// SPDX-License-Identifier: Apache-2.0

import { Lowest, now } from "./server_clock.js";

const RECENT = 2000; // ms for which an acknowledged frame is used to measure the link's speed
const BUDGET = 100; // ms by which the age of the oldest frame may exceed the shortest round trip
const LONGEST_TRIP = 500; // ms: a longer round trip does not permit older frames
const FIRST_TRIP = 200; // ms, assumed before the first answer
const MOST = 16; // frames
const SMALL = 2000; // bytes below which a frame does not indicate how fast the link is

// A limit in time, not in frames: a limit of two frames in flight would halve the frame rate at a round trip of 80 ms.
export class Way {
  #sent = new Map(); // by number: {at, bytes}
  #trips = new Lowest();
  #acknowledged = []; // {at, bytes, pace}

  start(number, bytes) {
    this.#sent.set(number, { at: now(), bytes });
  }

  // Called when the pipeline has taken this frame, `waited` ms after it arrived there. Returns the round trip in ms
  // without that wait, or null for an unknown frame.
  acknowledge(number, waited) {
    const at = now();
    let trip = null;
    for (const [key, { at: sent, bytes }] of this.#sent) {
      if (key > number) break;
      this.#sent.delete(key);
      trip = Math.max(0, at - sent - (key === number ? waited : 0));
      this.note(trip);
      const pace = bytes < SMALL ? 0 : (bytes * 8000) / (trip - this.trip + 1);
      this.#acknowledged.push({ at, bytes, pace });
    }
    this.#acknowledged = this.#acknowledged.filter((one) => at - one.at < RECENT);
    return trip;
  }

  // Adds a round trip of any message.
  note(trip) {
    this.#trips.add(now(), trip);
  }

  // ms of the shortest recent round trip
  get trip() {
    return this.#trips.value ?? FIRST_TRIP;
  }

  // Bits that arrived in the last second.
  get rate() {
    const since = now() - 1000;
    return this.#acknowledged.reduce((sum, { at, bytes }) => sum + (at >= since ? bytes : 0), 0) * 8;
  }

  // Bits per second of the fastest recent frame. The link is at least that fast, whatever has delayed the other frames,
  // such as a busy machine.
  get pace() {
    return Math.max(0, ...this.#acknowledged.map(({ pace }) => pace));
  }

  get #oldest() {
    const [first] = this.#sent.values();
    return first === undefined ? 0 : now() - first.at;
  }

  get isOpen() {
    return this.#sent.size < MOST && this.#oldest < Math.min(this.trip, LONGEST_TRIP) + BUDGET;
  }
}

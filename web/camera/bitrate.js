// The bitrate of the encoder, chosen by what arrives at the pipeline.
// SPDX-License-Identifier: Apache-2.0

import { median, now } from "./server_clock.js";

const FIRST = 800_000; // bits per second: the first keyframe shows how fast the link is
const LEAST = 150_000; // below it, fewer frames are better than worse ones
const PER_PIXEL = 0.09; // bits per pixel that are enough
const LEAST_OF_MOST = 0.06;
const SLOW = 80; // ms of delay beyond the shortest round trip
const HELD = 1; // frames held back between two checks that do not indicate a slow link
const MANY_HELD = 8; // this many held-back frames count as two slow checks
const PASSES = 1.5; // a frame that went this many times faster than the bitrate proves that the link is not the cause
const ROOM = 2; // a frame that went this many times faster proves that the bitrate can be raised
const LOWER = 0.85;
const HIGHER = 1.25;
const SAME = 0.02; // smaller relative changes are not made

// Checked twice a second. Changes are rare, because each one costs some encoders a keyframe.
export class Bitrate {
  #most;
  #least;
  #changed = -Infinity;
  #quiet = -Infinity; // when the link was slow last
  #held = 0;
  #slowLooks = 0; // consecutive
  #trips = [];

  // `most`: bits per second that the server requests, or null.
  constructor(width, height, fps, most) {
    this.#most = most ?? Math.max(2 * LEAST, width * height * fps * PER_PIXEL);
    this.#least = Math.min(this.#most, Math.max(LEAST, this.#most * LEAST_OF_MOST));
    this.value = Math.min(this.#most, FIRST);
  }

  // A frame was not sent because too much is in flight.
  hold() {
    ++this.#held;
  }

  trip(ms) {
    this.#trips.push(ms);
  }

  // Returns true if the value has changed.
  look(way) {
    const at = now();
    const delay = median(this.#trips.map((trip) => trip - way.trip)) ?? 0; // ms beyond the shortest round trip
    const isSlow = this.#held > HELD || delay > SLOW;
    const looks = this.#held > MANY_HELD ? 2 : 1;
    this.#slowLooks = isSlow ? this.#slowLooks + looks : 0;
    this.#held = 0;
    this.#trips = [];
    if (isSlow) this.#quiet = at;
    const wanted = isSlow ? this.#lower(way, at) : this.#higher(way, at);
    return this.#set(wanted, at);
  }

  #lower(way, at) {
    const isLink = way.pace < PASSES * this.value;
    if (this.#slowLooks < 2 || !isLink || at - this.#changed < 1500) return this.value;
    return Math.max(this.#least, LOWER * Math.min(this.value, way.rate));
  }

  #higher(way, at) {
    const quiet = at - this.#quiet;
    const kept = at - this.#changed;
    if (quiet > 2000 && kept > 1000 && way.pace > ROOM * this.value)
      return Math.min(this.#most, ROOM * this.value, way.pace / ROOM);
    if (quiet > 5000 && kept > 5000) return Math.min(this.#most, HIGHER * this.value);
    return this.value;
  }

  #set(value, at) {
    if (Math.abs(value - this.value) < SAME * this.value) return false;
    this.value = value;
    this.#changed = at;
    return true;
  }
}

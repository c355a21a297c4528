// Clocks of a view: the server's time, how late results arrive, and which image is due.
// SPDX-License-Identifier: Apache-2.0

const WINDOW = 30; // seconds for which an answer of the server is used
const LATELY = 5; // seconds for which the delay of a result is used
const KEPT = 300; // images whose times and results are kept
const MOST_WAIT = 0.3; // maximum seconds that an image waits for its result

export const now = () => (performance.timeOrigin + performance.now()) / 1000;
const key = (pts) => Math.round(pts * 1e6);

// The server's clock, estimated from its answers of the last 30 s. An answer may have been queued behind images, but a
// request is not, so only requests are used. They are assumed to take half of the shortest round trip. Until there is
// an answer, the time in a message is used instead.
export class Clock {
  #answers = []; // {at, ahead}: seconds by which the server's clock was ahead when a question reached it
  #told = null; // the same, based on a message that was in transit for an unknown time
  trip = Infinity; // seconds of the shortest round trip

  // Called when a connection starts. `server`: the time that it sent.
  begin(server, received) {
    this.#answers = [];
    this.#told = server - received;
    this.trip = Infinity;
  }

  add(sent, server, received) {
    // If this message shows a larger lead of the server's clock than an answer, the clock was set forward since, and
    // the answer is outdated.
    const holds = ({ at, ahead }) => received - at < WINDOW && ahead >= server - received;
    this.#answers = [...this.#answers.filter(holds), { at: received, ahead: server - sent }];
    this.trip = Math.min(this.trip, received - sent);
  }

  get #offset() {
    if (this.#answers.length === 0) return this.#told;
    return Math.min(...this.#answers.map(({ ahead }) => ahead)) - this.trip / 2;
  }

  // Seconds since the server captured an image; null if unknown.
  age(captured) {
    const offset = this.#offset;
    return offset === null ? null : Math.max(0, now() + offset - captured);
  }

  // Seconds that a message took beyond those of a short one; null if unknown.
  delay(sent) {
    return this.#answers.length === 0 ? null : Math.max(0, now() + this.#offset - sent - this.trip / 2);
  }
}

// Images and results by their pts. An image waits for its result until it arrives, until a later result shows that
// there is none, or for as long as results were late in the last seconds.
export class Due {
  #results = new Map();
  #pictures = new Map(); // key of the pts: {pts, captured, at}
  #late = []; // {at, seconds}
  #newest = -Infinity; // pts of the newest result

  picture(pts, captured) {
    this.#keep(this.#pictures, pts, { pts, captured, at: now() });
  }

  result(result) {
    this.#keep(this.#results, result.pts, result);
    this.#newest = Math.max(this.#newest, result.pts);
    const picture = this.#pictures.get(key(result.pts));
    const at = now();
    this.#late = this.#late.filter((one) => at - one.at < LATELY);
    if (picture) this.#late.push({ at, seconds: at - picture.at });
  }

  #keep(map, pts, value) {
    map.set(key(pts), value);
    if (map.size > KEPT) map.delete(map.keys().next().value);
  }

  // The image that a player shows at `pts`, which the player may have rounded by some microseconds.
  near(pts) {
    const exact = this.#pictures.get(key(pts));
    if (exact) return exact;
    let best = null;
    for (const one of this.#pictures.values())
      if (best === null || Math.abs(one.pts - pts) < Math.abs(best.pts - pts)) best = one;
    return best !== null && Math.abs(best.pts - pts) < 0.002 ? best : null;
  }

  // The image that is shown at a time, at most `gap` seconds after its own.
  standing(pts, gap) {
    let last = null;
    for (const one of this.#pictures.values())
      if (one.pts < pts && (last === null || one.pts > last.pts)) last = one;
    return last !== null && pts - last.pts <= gap ? last : null;
  }

  // The result of an image, or an earlier one that is at most `gap` seconds older.
  of(pts, gap) {
    const own = this.#results.get(key(pts));
    if (own) return { result: own, exact: true };
    let last = null;
    for (const one of this.#results.values())
      if (one.pts < pts && (last === null || one.pts > last.pts)) last = one;
    return { result: last !== null && pts - last.pts <= gap ? last : null, exact: false };
  }

  // Seconds within which this fraction of the last results had arrived.
  lateness(share) {
    const late = this.#late.map(({ seconds }) => seconds).sort((a, b) => a - b);
    return late.length === 0 ? 0 : Math.max(0, late[Math.min(late.length - 1, Math.floor(share * late.length))]);
  }

  wait(asked) {
    return asked ?? Math.min(MOST_WAIT, this.lateness(1) * 1.1);
  }

  settled(pts) {
    return this.#newest >= pts - 1e-6 || this.#results.has(key(pts));
  }

  clear() {
    this.#results.clear();
    this.#pictures.clear();
    this.#newest = -Infinity;
  }
}

// Decoded frames in pts order, each kept until it is due. Only the newest due frame is drawn.
export class Held {
  #pictures = []; // {image, pts, until}
  #timer = 0;

  constructor(due, wait, draw) {
    this.due = due;
    this.wait = wait; // () => seconds
    this.draw = draw; // (image, pts)
  }

  // The wait starts when the image arrives, like the lateness of results, although a video shows it later.
  add(image, pts) {
    const at = this.due.near(pts)?.at ?? now();
    this.#pictures.push({ image, pts, until: performance.now() + (at + this.wait() - now()) * 1000 });
    this.pump();
  }

  pump() {
    clearTimeout(this.#timer);
    const at = performance.now();
    const last = this.#pictures.findLastIndex(({ pts, until }) => at >= until || this.due.settled(pts));
    const due = this.#pictures.splice(0, last + 1);
    const shown = due.pop();
    for (const { image } of due) image.close();
    if (shown) {
      this.draw(shown.image, shown.pts);
      shown.image.close();
    }
    if (this.#pictures.length === 0) return;
    const next = Math.min(...this.#pictures.map(({ until }) => until));
    this.#timer = setTimeout(() => this.pump(), Math.max(1, next - performance.now()));
  }

  clear() {
    clearTimeout(this.#timer);
    for (const { image } of this.#pictures.splice(0)) image.close();
  }
}

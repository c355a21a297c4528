// Times of a view: the server's clock, how late results come, and which picture is due to be drawn.
// SPDX-License-Identifier: Apache-2.0

const WINDOW = 30; // seconds for which a round trip counts
const LATELY = 5; // and for which the lateness of a result does
const KEPT = 300; // pictures whose times and results are kept
const MOST_WAIT = 0.3; // seconds for which a picture waits by itself

export const now = () => (performance.timeOrigin + performance.now()) / 1000;
const key = (pts) => Math.round(pts * 1e6);

// The server's clock by the least round trip of the last 30 s. Until there is one, a message's own time stands for it.
export class Clock {
  #trips = [];
  trip = Infinity; // seconds of the least round trip of all, where no video was before the answer

  // To connect took that many seconds, of at least two round trips.
  opened(seconds) {
    this.trip = Math.min(this.trip, seconds / 2);
  }

  add(sent, server, received) {
    this.#trips = this.#trips.filter(({ at }) => received - at < WINDOW);
    this.trip = Math.min(this.trip, received - sent);
    this.#trips.push({ at: received, trip: received - sent, offset: server - (sent + received) / 2 });
  }

  // What a message without a question says: it was on its way for an unknown time.
  told(server, received) {
    if (this.#trips.length === 0) this.#trips.push({ at: received, trip: Infinity, offset: server - received });
  }

  age(captured) {
    if (this.#trips.length === 0) return null;
    const best = this.#trips.reduce((a, b) => (b.trip < a.trip ? b : a));
    return Math.max(0, now() + best.offset - captured);
  }
}

// Pictures and results by their pts. A picture waits for its result until it comes, until a later one shows that there
// is none, or for as long as results came late in the last seconds.
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

  // The picture that a player shows at `pts`, which it may have rounded by some microseconds.
  near(pts) {
    const exact = this.#pictures.get(key(pts));
    if (exact) return exact;
    let best = null;
    for (const one of this.#pictures.values())
      if (best === null || Math.abs(one.pts - pts) < Math.abs(best.pts - pts)) best = one;
    return best !== null && Math.abs(best.pts - pts) < 0.002 ? best : null;
  }

  // The picture that stands at a time, at most `gap` seconds after its own.
  standing(pts, gap) {
    let last = null;
    for (const one of this.#pictures.values())
      if (one.pts < pts && (last === null || one.pts > last.pts)) last = one;
    return last !== null && pts - last.pts <= gap ? last : null;
  }

  // The result of a picture, or the last one before it that is at most `gap` seconds older.
  of(pts, gap) {
    const own = this.#results.get(key(pts));
    if (own) return { result: own, exact: true };
    let last = null;
    for (const one of this.#results.values())
      if (one.pts < pts && (last === null || one.pts > last.pts)) last = one;
    return { result: last !== null && pts - last.pts <= gap ? last : null, exact: false };
  }

  // Seconds after which that share of the last results had come.
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

// Decoded pictures in the order of their pts, each until it is due. Only the newest that is due is drawn.
export class Held {
  #pictures = []; // {image, pts, until}
  #timer = 0;

  constructor(due, wait, draw) {
    this.due = due;
    this.wait = wait; // () => seconds
    this.draw = draw; // (image, pts)
  }

  // The wait counts from the picture's arrival, as the lateness of results does: a video shows it later.
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

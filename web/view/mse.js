// Plays fragments in a <video>. It never stalls, because each fragment declares a longer duration than it has.
// SPDX-License-Identifier: Apache-2.0

const SEEK = 0.5; // seconds beyond the target distance above which the player jumps instead of playing faster
const [SLOWEST, FASTEST] = [0.9, 1.5];
const KEPT = 10; // seconds kept in the buffer
const NAMES = { avc: "H.264", hvc: "H.265", hev: "H.265", av0: "AV1", vp0: "VP9", vp8: "VP8" };
const Source = () => globalThis.MediaSource ?? globalThis.ManagedMediaSource;
// Safari stutters when its rate changes; Firefox may draw another image than the one that it reports.
const jumpsOnly = /^((?!chrome|chromium|android).)*safari/i.test(navigator.userAgent);
export const drawsWhatItSays = !navigator.userAgent.includes("Firefox");
// Target distance in seconds between the newest image and the one that is played, and the deviation at which the player
// keeps its rate. If the distance is smaller, Firefox draws another image than the one that it reports more often.
const [BEHIND, SLACK] = drawsWhatItSays ? [0.03, 0.005] : [0.05, 0.02];
// Ms after which Firefox usually draws the image that it reports; immediately, it is often the previous one.
const NAMED = 12;

export const nameOf = (codec) => NAMES[codec.slice(0, 3)] ?? codec;

const spare = []; // canvases for reuse, of which a few are enough
const mostSpare = 8;

// A copy of the image that the video shows now, at most as large as a canvas of that size. Valid until close().
export function kept(video, { width, height }) {
  const copy = spare.pop() ?? document.createElement("canvas");
  const scale = Math.min(1, Math.max(width, height) / Math.max(video.videoWidth, video.videoHeight));
  const size = { width: Math.round(video.videoWidth * scale), height: Math.round(video.videoHeight * scale) };
  if (copy.width !== size.width || copy.height !== size.height) Object.assign(copy, size);
  copy.getContext("2d", { alpha: false }).drawImage(video, 0, 0, size.width, size.height);
  return Object.assign(copy, { close: () => spare.length < mostSpare && spare.push(copy) });
}

export class Mse {
  static refusal(start) {
    if (!Source() || !HTMLVideoElement.prototype.requestVideoFrameCallback)
      return "this browser has no Media Source Extensions";
    return Source().isTypeSupported(start.mime) ? "" : `this browser has no ${nameOf(start.codec)}`;
  }

  #video = document.createElement("video");
  #source = new (Source())();
  #buffer = null;
  #waiting = [];
  #newest = -Infinity;
  #on;

  // `on.shown(video, pts)` must draw or copy the image immediately. `on.failed(why)`: playing cannot continue.
  constructor(start, on) {
    this.#on = on;
    Object.assign(this.#video, { muted: true, playsInline: true, disableRemotePlayback: true });
    this.#video.onerror = () => on.failed(`the player failed: ${this.#video.error?.message}`);
    this.#video.src = URL.createObjectURL(this.#source);
    this.#source.onsourceopen = () => this.#opened(start);
    this.#waiting.push(start.init);
    this.#next();
  }

  #next() {
    this.#video.requestVideoFrameCallback((_, { mediaTime }) => {
      if (drawsWhatItSays) this.#on.shown(this.#video, mediaTime);
      else setTimeout(() => this.#buffer && this.#on.shown(this.#video, mediaTime), NAMED);
      this.#next();
    });
  }

  #opened(start) {
    URL.revokeObjectURL(this.#video.src);
    try {
      this.#buffer = this.#source.addSourceBuffer(start.mime);
      this.#buffer.timestampOffset = -start.shift;
      this.#source.duration = Infinity;
    } catch (error) {
      this.#on.failed(`the player failed: ${error.message}`);
      return;
    }
    this.#buffer.onupdateend = () => this.#step();
    this.#step();
  }

  get caughtUp() {
    return this.#newest - this.#video.currentTime < SEEK + BEHIND;
  }

  picture({ pts }, fragment) {
    this.#newest = Math.max(this.#newest, pts);
    this.#waiting.push(fragment);
    this.#step();
  }

  #step() {
    if (this.#buffer === null || this.#buffer.updating || this.#source.readyState !== "open") return;
    try {
      this.#follow();
      if (!this.#buffer.updating && this.#waiting.length > 0)
        this.#buffer.appendBuffer(joined(this.#waiting.splice(0)));
    } catch (error) {
      this.#on.failed(`the player failed: ${error.message}`);
    }
  }

  // Keeps the player close behind the newest frame.
  #follow() {
    const { buffered } = this.#video;
    if (buffered.length === 0) return;
    const first = buffered.start(buffered.length - 1);
    const lag = this.#newest - BEHIND - this.#video.currentTime;
    if (this.#video.currentTime < first || lag > SEEK || (jumpsOnly && lag > 0.2)) {
      this.#video.currentTime = Math.max(first, this.#newest - BEHIND);
    } else if (!jumpsOnly) {
      const rate = lag > SLACK ? 1 + 2 * lag : lag < -SLACK ? 1 + lag : 1;
      this.#video.playbackRate = Math.min(FASTEST, Math.max(SLOWEST, rate));
    }
    // Hidden pages may not play, and do not request anything.
    if (this.#video.paused) this.#video.play().catch(() => {});
    if (this.#video.currentTime - buffered.start(0) > 2 * KEPT)
      this.#buffer.remove(0, this.#video.currentTime - KEPT);
  }

  close() {
    this.#buffer = null;
    this.#video.removeAttribute("src");
    this.#video.load();
  }
}

function joined(parts) {
  if (parts.length === 1) return parts[0];
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

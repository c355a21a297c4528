// Sends a camera to the pipeline: encodes frames, decides which to skip, and reports the state to the user
// and the pipeline.
// SPDX-License-Identifier: Apache-2.0

import { Bitrate } from "./bitrate.js";
import { chooseEncoder, sizeOf } from "./encoders.js";
import { follow, openCamera } from "./frames.js";
import { Link } from "./link.js";
import { now } from "./server_clock.js";
import { Way } from "./way.js";
import { failureOf, TOLD } from "./words.js";

const LOOK = 500; // ms between reports, and between checks of the bitrate
const KEYS = 5000; // ms between keyframes
const STUCK = 2000; // ms without output after which the next codec is tried
// Consecutive checks in which the encoder was full for most frames, including the last one.
const FULL_LOOKS = 6;
const SILENT_LOOKS = 6; // consecutive checks without a frame from the camera
const SUSPENDED = 2000; // ms without a frame or a report after which this page was suspended
const GAP = 1000; // ms between the timestamps of frames before and after a suspension
const RELEASED = 30_000; // ms without a connection after which the camera is switched off
const MOST_FAILURES = 8;

const none = () => ({ camera: 0, sent: 0, skipped_link: 0, skipped_encoder: 0, missed: 0 });

function browserName() {
  const brands = navigator.userAgentData?.brands ?? [];
  const brand = brands.find(({ brand: name }) => name === "Chromium");
  if (brand !== undefined) return `Chromium ${brand.version}`;
  const found = /(Firefox|Version|Chrome)\/(\d+)/.exec(navigator.userAgent);
  return found === null ? "unknown" : `${found[1].replace("Version", "Safari")} ${found[2]}`;
}

const BROWSER = browserName();

// Nothing is queued in the encoder, the socket, a proxy or the server: a frame is encoded only if the previous ones
// have arrived in time. All others are dropped here, where it costs nothing and damages no later frame.
export class Sender {
  state = "idle";
  detail = "";
  track = null;
  #options;
  #on;
  #link = null;
  // What the pipeline requested: {width, height, fps, bitrate}; null: this page does not send the camera.
  #asked = null;
  #frames = null;
  #encoder = null;
  #choosing = false;
  #failures = new Map(); // by codec family: why it failed
  #way = new Way();
  #bitrate = null;
  #counts = none(); // of this connection, like the next two fields
  #before = none(); // at the last check
  #number = 0;
  #first = null; // timestamp of the first frame
  #declared = "";
  #wantsKey = true;
  #lastKey = -Infinity;
  #fullLooks = 0;
  #silentLooks = 0;
  #opening = 0; // number of the current attempt to open the camera
  #problem = null; // {state, detail} of a camera that cannot be opened, until the user retries
  #timer = 0;
  #alive = 0; // when this page ran last
  #wasSuspended = false;
  #last = 0; // timestamp of the last frame
  #interval = 0; // ms between the timestamps of the last two frames
  #lostAt = null;
  #wakeLock = null;

  // `options`: src, token, camera, facing, device. `on.change()` is called when the state changes, and twice a second.
  constructor(options, on) {
    this.#options = options;
    this.#on = on;
  }

  // Asks for permission and sends until stop(). `take` replaces another browser that is sending this camera.
  start(take = false) {
    if (this.#link === null) {
      this.#link = new Link(this.#options, {
        message: (message) => this.#hear(message),
        lost: (reason) => this.#lost(reason),
        refused: () => this.#leave("refused"),
      });
      this.#timer = setInterval(() => this.#look(), LOOK);
      this.#alive = now();
      document.addEventListener("visibilitychange", this.#visible);
    }
    this.#problem = null;
    if (this.#asked !== null) {
      this.#begin();
      return;
    }
    this.#say(isSecureContext ? "connecting" : "insecure");
    this.#link.open(take);
  }

  stop() {
    if (this.#asked !== null) this.#tell("stopped");
    this.#leave("stopped");
  }

  // Disconnects without a message, like a page that is closed.
  close() {
    this.#leave("idle");
  }

  // Switches to another camera.
  use(device) {
    this.#options = { ...this.#options, device };
    if (this.track === null) return;
    this.#release();
    this.#begin();
  }

  get report() {
    const { trip, rate } = this.#way;
    return {
      browser: BROWSER,
      codec: this.#encoder?.codec,
      mode: this.#encoder?.mode,
      size: this.#encoder?.size,
      ...this.#counts,
      skipped_encoder: this.#skippedEncoder,
      bitrate: this.#bitrate === null ? undefined : Math.round(this.#bitrate.value),
      arrives: Math.round(rate),
      round_trip: trip / 1000,
      clock_error: this.#link?.clock.known ? this.#link.clock.error / 1000 : undefined,
      encoding_time: this.#encoder?.duration == null ? undefined : this.#encoder.duration / 1000,
      hidden: document.hidden,
      failures: [...this.#failures].map(([family, why]) => `${family}: ${why}`).slice(-MOST_FAILURES),
    };
  }

  get #skippedEncoder() {
    return this.#counts.skipped_encoder + (this.#encoder?.left ?? 0);
  }

  #say(state, detail = "") {
    if (this.state === state && this.detail === detail) return;
    this.state = state;
    this.detail = detail;
    if (this.#asked !== null) this.#tell(state, detail);
    this.#on.change();
  }

  // The pipeline accepts a state only from the page that sends the camera.
  #tell(state, detail = "") {
    const message = [TOLD[state], detail].filter(Boolean).join(": ").slice(0, 200);
    this.#link.send(message === "" ? { state } : { state, message });
  }

  #visible = () => {
    if (this.#asked !== null) this.#link.send({ hidden: document.hidden });
    if (!document.hidden) this.#stayAwake();
  };

  #hear(message) {
    if (!isSecureContext && message.type === "yours") this.#link.send({ state: "insecure", message: TOLD.insecure });
    if (!isSecureContext && message.type !== "time") {
      this.#leave("insecure");
      return;
    }
    switch (message.type) {
      case "ack":
        this.#acknowledged(message);
        break;
      case "time":
        this.#way.note(now() - message.time);
        break;
      case "yours":
        this.#asked = message;
        this.#lostAt = null;
        this.#restart();
        this.#begin();
        break;
      case "busy":
        this.#asked = null;
        this.#say("busy");
        break;
      case "free":
        this.#link.open();
        break;
      case "taken":
        this.#leave("taken");
        break;
      case "ended":
        this.#asked = null;
        this.#release();
        this.#say("ended", message.why ?? "");
        break;
    }
  }

  #acknowledged({ n, key, waited }) {
    const trip = this.#way.acknowledge(n, (waited ?? 0) / 1000);
    if (trip !== null) this.#bitrate?.trip(trip);
    if (key) this.#wantsKey = true;
  }

  // Keeps the camera open for a while, because the program may reconnect.
  #lost(reason) {
    this.#asked = null;
    this.#lostAt ??= now();
    if (this.state !== "ended" && this.state !== "insecure") this.#say("lost", reason || "Does it still run?");
  }

  #leave(state) {
    this.#asked = null;
    this.#release();
    clearInterval(this.#timer);
    document.removeEventListener("visibilitychange", this.#visible);
    this.#link?.close();
    this.#link = null;
    this.#say(state);
  }

  // Registers as a new sender, which the pipeline counts from 0 and adds to the counts of the earlier
  // senders.
  #restart() {
    this.#closeEncoder();
    this.#way = new Way();
    this.#number = 0;
    this.#counts = none();
    this.#before = none();
    this.#declared = "";
  }

  // The pipeline accepts this camera.
  async #begin() {
    if (document.hidden) this.#link.send({ hidden: true });
    if (this.#problem !== null) this.#say(this.#problem.state, this.#problem.detail);
    if (this.#problem !== null || (this.track === null && !(await this.#open()))) return;
    this.#say(this.track.muted ? "paused" : "live");
    this.#stayAwake();
  }

  // Returns false if there is no camera, or if this page no longer needs it.
  async #open() {
    const attempt = ++this.#opening;
    this.#say("asking");
    const { device, facing } = this.#options;
    try {
      const track = await openCamera({ ...this.#asked, device, facing });
      if (attempt !== this.#opening || this.#asked === null) {
        track.stop();
        return false;
      }
      this.#follow(track);
      return true;
    } catch (error) {
      if (attempt === this.#opening) this.#fail(failureOf(error));
      return false;
    }
  }

  #fail(problem) {
    this.#problem = problem;
    this.#say(problem.state, problem.detail);
  }

  #follow(track) {
    this.track = track;
    this.#first = null;
    track.onended = () => {
      this.#release();
      this.#fail({ state: "unplugged", detail: "" });
    };
    track.onmute = () => this.state === "live" && this.#say("paused");
    track.onunmute = () => this.state === "paused" && this.#say("live");
    this.#frames = follow(track, (...frame) => this.#frame(...frame));
  }

  #release() {
    ++this.#opening;
    this.#frames?.end();
    this.#frames = null;
    this.track?.stop();
    this.track = null;
    this.#closeEncoder();
    this.#wakeLock?.release().catch(() => {});
    this.#wakeLock = null;
  }

  #closeEncoder() {
    if (this.#encoder === null) return;
    this.#encoder.close();
    this.#counts.skipped_encoder += this.#encoder.left;
    this.#encoder = null;
  }

  // Keeps the phone's screen on.
  async #stayAwake() {
    if (this.track === null || document.hidden || !navigator.wakeLock) return;
    if (this.#wakeLock !== null && !this.#wakeLock.released) return;
    // Refused when the battery is low.
    this.#wakeLock = await navigator.wakeLock.request("screen").catch(() => null);
  }

  #frame(frame, captured, timestamp, missed) {
    const isOld = this.#isOld(timestamp);
    this.#counts.missed += missed + (isOld ? 1 : 0);
    if (isOld || this.#asked === null || !this.#link.clock.known) {
      frame.close?.();
      return;
    }
    ++this.#counts.camera;
    this.#first ??= timestamp;
    const size = sizeOf(frame, this.#asked);
    if (!this.#mayStart(size)) {
      frame.close?.();
      return;
    }
    const isKey = this.#wantsKey || now() - this.#lastKey > KEYS;
    if (isKey) this.#lastKey = now();
    this.#wantsKey = false;
    const { error } = this.#frames;
    const stamp = { captured, error, pts: (timestamp - this.#first) / 1000, fps: this.#fps };
    try {
      this.#encoder.encode(frame, size, stamp, isKey);
    } catch (error) {
      this.#tryNext(error.message);
    }
  }

  #noteAlive() {
    const at = now();
    if (at - this.#alive > SUSPENDED) this.#wasSuspended = true;
    this.#alive = at;
  }

  // After a suspension, the browser may copy an image from before it and give it a new timestamp. A hidden page whose
  // timers are throttled looks suspended before each frame, so there the gap must also be longer than the previous one.
  #isOld(timestamp) {
    this.#noteAlive();
    const interval = timestamp - this.#last;
    const isUsual = document.hidden && interval < 2 * this.#interval;
    this.#last = timestamp;
    this.#interval = interval;
    if (interval <= GAP || !this.#wasSuspended) return false;
    this.#wasSuspended = false;
    return !isUsual;
  }

  #mayStart(size) {
    if (this.#encoder === null) this.#choose(size);
    if (this.#encoder === null || this.#encoder.inside >= this.#encoder.most) {
      ++this.#counts.skipped_encoder; // a lower bitrate would not help
      return false;
    }
    if (this.#way.isOpen && !this.#link.isFull) return true;
    ++this.#counts.skipped_link;
    this.#bitrate.hold();
    return false;
  }

  get #fps() {
    return this.#asked?.fps || this.track?.getSettings().frameRate || 30;
  }

  async #choose(size) {
    if (this.#choosing) return;
    this.#choosing = true;
    const { track } = this;
    const encoder = await chooseEncoder(this.#failures, size, this.#fps, {
      encoded: (stamp, message, key) => encoder === this.#encoder && this.#encoded(stamp, message, key),
      failed: (why) => encoder === this.#encoder && this.#tryNext(why),
    });
    this.#choosing = false;
    if (this.#asked === null || track !== this.track) return;
    this.#bitrate = new Bitrate(size.width, size.height, this.#fps, this.#asked.bitrate);
    encoder.bitrate = this.#bitrate.value;
    this.#encoder = encoder;
  }

  // A browser may report support for a codec and then fail, or encode too slowly.
  #tryNext(why) {
    const { family } = this.#encoder;
    this.#closeEncoder();
    this.#fullLooks = 0;
    if (family !== "jpeg") this.#failures.set(family, why);
  }

  #encoded(stamp, message, key) {
    if (this.#asked === null || !this.#link.isOpen) {
      ++this.#counts.skipped_link;
      return;
    }
    this.#declare(stamp);
    const { clock } = this.#link;
    const number = this.#number++;
    this.#way.start(number, message.byteLength);
    this.#link.sendFrame(message, {
      key,
      number,
      skipped: this.#counts.skipped_link + this.#skippedEncoder,
      error: clock.error + stamp.error,
      pts: Math.max(0, stamp.pts),
      captured: clock.unixTime(stamp.captured),
    });
    ++this.#counts.sent;
  }

  // Describes the frames to the pipeline before the first one.
  #declare({ codec, width, height, fps }) {
    const stamped = this.#frames?.stamped;
    const label = this.track?.label ?? "";
    const camera = { codec, width, height, fps, turn: 0, label, stamped }; // frames are already upright
    const declared = JSON.stringify(camera);
    if (declared === this.#declared) return;
    this.#declared = declared;
    this.#link.send({ camera });
  }

  #look() {
    this.#noteAlive();
    this.#link.tick({ report: this.report });
    if (this.#lostAt !== null && now() - this.#lostAt > RELEASED) this.#release();
    this.#lookAtCamera();
    if (this.#encoder !== null) this.#lookAtEncoder();
    this.#before = { ...this.#counts };
    if (this.#encoder !== null && this.#bitrate.look(this.#way)) this.#encoder.bitrate = this.#bitrate.value;
    this.#on.change();
  }

  #lookAtCamera() {
    const isSilent = this.track !== null && this.#asked !== null && this.#counts.camera === this.#before.camera;
    this.#silentLooks = isSilent ? this.#silentLooks + 1 : 0;
    if (this.state === "live" && this.#silentLooks >= SILENT_LOOKS) this.#say("silent");
    else if (this.state === "silent" && this.#silentLooks === 0) this.#say("live");
  }

  #lookAtEncoder() {
    const { camera, skipped_encoder: skipped } = this.#counts;
    const isFull = skipped - this.#before.skipped_encoder > (camera - this.#before.camera) / 2;
    this.#fullLooks = isFull ? this.#fullLooks + 1 : 0;
    if (this.#encoder.stuck > STUCK && !document.hidden) this.#tryNext("it returned nothing for 2 s");
    else if (this.#fullLooks >= FULL_LOOKS)
      this.#tryNext(`it takes ${Math.round(this.#encoder.duration ?? STUCK)} ms per frame`);
  }
}

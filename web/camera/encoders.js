// The encoders of a browser: WebCodecs, or JPEG where no other encoder works.
// SPDX-License-Identifier: Apache-2.0

import { HEAD } from "./link.js";
import { now } from "./server_clock.js";

const FAMILIES = ["avc1", "vp8", "vp09"]; // best first: <freshframe-view> and recorders take H.264 without encoding again
// Levels of H.264: the last digits of the codec string, macroblocks per frame, macroblocks per second.
const LEVELS = [
  ["1F", 3600, 108_000],
  ["20", 5120, 216_000],
  ["28", 8192, 245_760],
  ["2A", 8704, 522_240],
];
const MOST_SIZE = { width: 1920, height: 1088 }; // the server accepts no more
const QUALITY = { least: 0.3, most: 0.85, perBit: 0.3 }; // of JPEG, by the bits per pixel

function codecString(family, { width, height }, fps) {
  if (family === "vp8") return "vp8";
  const blocks = Math.ceil(width / 16) * Math.ceil(height / 16);
  const level = LEVELS.findIndex(([, frame, second]) => blocks <= frame && blocks * fps <= second); // -1: the highest
  return family === "avc1" ? `avc1.42E0${LEVELS.at(level)[0]}` : `vp09.00.${level === 0 ? "31" : "41"}.08`;
}

// The size in which a frame is sent: even, and within what the pipeline requested, in either orientation.
export function sizeOf(frame, wanted) {
  const width = frame.displayWidth ?? frame.videoWidth;
  const height = frame.displayHeight ?? frame.videoHeight;
  const sides = [wanted.width || MOST_SIZE.width, wanted.height || MOST_SIZE.height];
  const [long, short] = [Math.max(...sides), Math.min(...sides)];
  const scale = Math.min(1, long / Math.max(width, height), short / Math.min(width, height));
  const even = (side) => Math.max(16, Math.floor((side * scale) / 2) * 2);
  return { width: even(width), height: even(height) };
}

// An encoder for the first codec that this browser claims to support. `failed`: families that must not be used.
export async function chooseEncoder(failed, size, fps, on) {
  for (const family of typeof VideoEncoder === "undefined" ? [] : FAMILIES) {
    if (failed.has(family)) continue;
    const config = {
      codec: codecString(family, size, fps),
      ...size,
      framerate: fps,
      bitrate: 1_000_000,
      latencyMode: "realtime",
      ...(family === "avc1" ? { avc: { format: "annexb" } } : {}),
    };
    const answer = await VideoEncoder.isConfigSupported(config).catch(() => null);
    if (answer?.supported) return new CodecEncoder(family, config, on);
  }
  return new JpegEncoder(size, fps, on);
}

// Draws a frame into another size, or upright if the browser has only marked it as rotated.
class Resizer {
  #canvas = document.createElement("canvas");

  draw(frame, { width, height }) {
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    this.#canvas.getContext("2d", { alpha: false }).drawImage(frame, 0, 0, width, height);
    return this.#canvas;
  }

  fit(frame, size) {
    const isSame = frame.displayWidth === size.width && frame.displayHeight === size.height;
    if (isSame && !frame.rotation && !frame.flip) return frame;
    const fitted = new VideoFrame(this.draw(frame, size), { timestamp: frame.timestamp });
    frame.close();
    return fitted;
  }
}

// `on.encoded(stamp, message, isKey)` takes a message whose first HEAD bytes are free. `on.failed(why)`: use another
// encoder. A stamp is an object, to which `codec`, `width` and `height` are added. An encoder is not used after close().
class CodecEncoder {
  mode = "webcodecs";
  most = 2; // maximum number of frames in the encoder
  left = 0; // frames for which there was no output
  duration = null; // ms per frame, smoothed
  #config;
  #on;
  #encoder;
  #inside = new Map(); // stamps by timestamp
  #resizer = new Resizer();

  constructor(family, config, on) {
    this.family = family;
    this.#config = config;
    this.#on = on;
    this.#encoder = new VideoEncoder({
      output: (chunk) => this.#encoded(chunk),
      error: ({ message }) => on.failed(message),
    });
  }

  get codec() {
    return this.#config.codec;
  }

  get size() {
    return [this.#config.width, this.#config.height];
  }

  get inside() {
    return this.#inside.size;
  }

  // ms for which the oldest frame has been in the encoder
  get stuck() {
    const [first] = this.#inside.values();
    return first === undefined ? 0 : now() - first.began;
  }

  set bitrate(value) {
    this.#config = { ...this.#config, bitrate: Math.round(value) };
    if (this.#encoder.state === "configured") this.#encoder.configure(this.#config);
  }

  // Takes the frame and closes it, also if it throws.
  encode(frame, size, stamp, isKey) {
    const inside = { ...stamp, ...size, began: now() };
    this.#inside.set(frame.timestamp, inside); // also if this throws: close() counts it
    let fitted = frame;
    try {
      const isNew = this.#configure(size, stamp.fps);
      inside.codec = this.#config.codec;
      fitted = this.#resizer.fit(frame, size);
      this.#encoder.encode(fitted, { keyFrame: isKey || isNew });
    } finally {
      fitted.close();
    }
  }

  // Returns true if the next frame must be a keyframe.
  #configure({ width, height }, fps) {
    const isSame = width === this.#config.width && height === this.#config.height;
    if (this.#encoder.state === "configured" && isSame) return false;
    this.#config = { ...this.#config, width, height, codec: codecString(this.family, { width, height }, fps) };
    this.#encoder.configure(this.#config);
    return true;
  }

  // Chunks arrive in the order of their frames. A frame that the encoder dropped has none.
  #encoded(chunk) {
    let stamp = null;
    for (const [timestamp, each] of this.#inside) {
      if (timestamp > chunk.timestamp) break;
      this.#inside.delete(timestamp);
      if (timestamp === chunk.timestamp) stamp = each;
      else ++this.left;
    }
    if (stamp === null) return;
    const took = now() - stamp.began;
    this.duration = this.duration === null ? took : this.duration + 0.1 * (took - this.duration);
    const message = new ArrayBuffer(HEAD + chunk.byteLength);
    chunk.copyTo(new Uint8Array(message, HEAD));
    this.#on.encoded(stamp, message, chunk.type === "key");
  }

  // Frames still in the encoder count as left out.
  close() {
    this.left += this.#inside.size;
    if (this.#encoder.state !== "closed") this.#encoder.close();
  }
}

class JpegEncoder {
  family = "jpeg";
  codec = "jpeg";
  mode = "jpeg";
  most = 1; // two at the same time could overtake each other
  inside = 0;
  left = 0;
  stuck = 0;
  duration = null;
  #size;
  #fps;
  #on;
  #quality = 0.75;
  #resizer = new Resizer();

  constructor(size, fps, on) {
    this.#size = size;
    this.#fps = fps;
    this.#on = on;
  }

  get size() {
    return [this.#size.width, this.#size.height];
  }

  set bitrate(value) {
    const { least, most, perBit } = QUALITY;
    const bits = value / (this.#size.width * this.#size.height * this.#fps);
    this.#quality = Math.min(most, Math.max(least, least + bits * perBit));
  }

  // Takes the frame and closes it, also if it throws.
  encode(frame, size, stamp) {
    const began = now();
    this.#size = size;
    this.inside = 1; // also if this throws: close() counts it
    let canvas;
    try {
      canvas = this.#resizer.draw(frame, size);
    } finally {
      frame.close?.();
    }
    canvas.toBlob((blob) => this.#encoded(blob, { ...stamp, ...size, codec: "jpeg" }, began), "image/jpeg", this.#quality);
  }

  async #encoded(blob, stamp, began) {
    const message = blob && (await new Blob([new ArrayBuffer(HEAD), blob]).arrayBuffer());
    this.inside = 0;
    this.duration = now() - began;
    if (message === null) ++this.left;
    else this.#on.encoded(stamp, message, true);
  }

  close() {
    this.left += this.inside;
  }
}

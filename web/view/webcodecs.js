// Plays video with the browser's own decoder, which outputs each frame immediately. Late frames are decoded, but
// rarely drawn.
// SPDX-License-Identifier: Apache-2.0

import { Mse, nameOf } from "./mse.js";

const LATE = 2.5; // frames behind the newest one, in addition to those that the codec reorders
const SHOWN = 200; // ms after which a late frame is drawn anyway, so that a slow browser shows motion
const FULL = 240; // frames in the decoder's queue above which it is not given any more
const LOOKED_AT = 16; // frames after which their interval and order are known

// The content of the box of the init segment that contains the codec's settings.
function settings(init) {
  for (const name of ["avcC", "hvcC", "av1C"]) {
    const wanted = [...name].map((letter) => letter.charCodeAt(0));
    for (let at = 4; at < init.length - 4; ++at) {
      if (!wanted.every((byte, index) => init[at + index] === byte)) continue;
      const size = new DataView(init.buffer, init.byteOffset).getUint32(at - 4);
      return init.slice(at + 4, at - 4 + size);
    }
  }
  return undefined;
}

// Software decoders output frames without delay, GPUs do not: GPUs are used only if software cannot decode it.
async function configuration(start) {
  const wanted = { codec: start.codec, optimizeForLatency: true, description: settings(start.init) };
  for (const hardwareAcceleration of ["prefer-software", "no-preference"]) {
    const config = { ...wanted, hardwareAcceleration };
    if ((await VideoDecoder.isConfigSupported(config).catch(() => null))?.supported) return config;
  }
  return null;
}

export class WebCodecs {
  static #config = new WeakMap(); // of a start, once determined

  // The reason why this browser cannot play it, or "".
  static async refusal(start) {
    if (typeof VideoDecoder === "undefined")
      return isSecureContext ? "this browser has no WebCodecs" : "this page is not https";
    const config = await configuration(start);
    if (config === null) {
      const plays = Mse.refusal(start) === ""; // Firefox supports H.265 only there
      return `this browser has no ${nameOf(start.codec)}${plays ? " for WebCodecs" : ""}`;
    }
    WebCodecs.#config.set(start, config);
    return "";
  }

  #decoder;
  #on;
  #begun = false;
  #newest = -Infinity; // pts
  #more = false; // whether newer frames follow immediately
  #recent = []; // pts in decoding order
  #out = -Infinity; // pts of the last image from the decoder
  #drawn = 0;

  // `on.picture(image, pts)` takes ownership of the image. `on.failed(why)`: playing cannot continue.
  constructor(start, on) {
    this.#on = on;
    this.#decoder = new VideoDecoder({
      output: (image) => this.#decoded(image),
      error: (error) => on.failed(`the decoder failed: ${error.message}`),
    });
    this.#decoder.configure(WebCodecs.#config.get(start));
  }

  get behind() {
    return this.#out === -Infinity ? 0 : this.#newest - this.#out;
  }

  // Returns true if the newest frame that has arrived is almost drawn.
  get caughtUp() {
    return this.#out !== -Infinity && !this.#late(this.#out);
  }

  picture({ key, late, pts, sampleSize }, fragment) {
    if (this.#decoder.state !== "configured") return;
    if (this.#decoder.decodeQueueSize > FULL) this.#begun = false;
    this.#begun ||= key;
    if (!this.#begun) return;
    this.#newest = Math.max(this.#newest, pts);
    this.#more = late;
    this.#recent = [...this.#recent.slice(1 - LOOKED_AT), pts];
    this.#decoder.decode(
      new EncodedVideoChunk({
        type: key ? "key" : "delta",
        timestamp: Math.round(pts * 1e6),
        data: fragment.subarray(fragment.length - sampleSize),
      }),
    );
  }

  #decoded(image) {
    const pts = image.timestamp / 1e6;
    this.#out = pts;
    const at = performance.now();
    if (this.#late(pts) && at - this.#drawn < SHOWN) {
      image.close();
      return;
    }
    this.#drawn = at;
    this.#on.picture(image, pts);
  }

  #late(pts) {
    const sorted = [...this.#recent].sort((a, b) => a - b);
    const period = (sorted.at(-1) - sorted[0]) / Math.max(1, sorted.length - 1);
    const reordered = this.#recent.map((one, index) => this.#recent.slice(0, index).filter((x) => x > one).length);
    return this.#more || this.#newest - pts > (LATE + Math.max(0, ...reordered)) * period;
  }

  close() {
    if (this.#decoder.state !== "closed") this.#decoder.close();
  }
}

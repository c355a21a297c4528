// The WebSocket of a page that sends a camera: its messages, and reconnecting.
// SPDX-License-Identifier: Apache-2.0

import { now, ServerClock } from "./server_clock.js";

export const HEAD = 32; // bytes before an encoded frame
const FRAME = 16; // kind of message
const KEY = 1; // flag
const FIRST_WAIT = 250; // ms until the first reconnection attempt
const LONGEST_WAIT = 5000;
const SILENCE = 8000; // ms without a message after which the connection counts as lost
const FULL = 1_000_000; // bytes that the browser has not sent yet
const REFUSED = 4401;
const MOST_ERROR = 0xffffffff; // µs

// Random, and the same after a reload of this tab, which then replaces itself.
function clientId() {
  const made = crypto.getRandomValues(new Uint32Array(4)).join("-");
  try {
    return (sessionStorage["freshframe-camera"] ??= made);
  } catch {
    return made; // a page without storage
  }
}

export class Link {
  clock = new ServerClock();
  #address;
  #token;
  #camera;
  #on;
  #client = clientId();
  #socket = null;
  #take = false;
  #wait = FIRST_WAIT;
  #timer = 0;
  #heard = 0;

  // `on.message(message)`, `on.lost(reason)`, `on.refused(reason)`: wrong token, no further attempt.
  constructor({ src, token, camera }, on) {
    this.#address = new URL("api/camera", src);
    this.#address.protocol = this.#address.protocol.replace("http", "ws");
    this.#token = token;
    this.#camera = camera;
    this.#on = on;
  }

  // Asks to send the camera, now and after each reconnection. `take` replaces another page that sends it, once.
  open(take = false) {
    this.#take = take;
    if (this.isOpen) this.#ask();
    else if (this.#socket === null) this.#connect();
  }

  close() {
    clearTimeout(this.#timer);
    this.#drop(1000);
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  get isFull() {
    return this.#socket.bufferedAmount > FULL;
  }

  send(message) {
    if (this.isOpen) this.#socket.send(JSON.stringify(message));
  }

  // Sends a message whose first HEAD bytes are free. Times are in seconds, the error is in ms.
  sendFrame(message, { key, number, skipped, error, pts, captured }) {
    const head = new DataView(message, 0, HEAD);
    head.setUint8(0, FRAME);
    head.setUint8(1, key ? KEY : 0);
    head.setUint32(4, number, true);
    head.setUint32(8, skipped, true);
    head.setUint32(12, Math.min(MOST_ERROR, Math.round(error * 1000)), true);
    head.setFloat64(16, pts, true);
    head.setFloat64(24, captured, true);
    this.#socket.send(message);
  }

  // Called twice a second: asks for the server's time together with `news`, and notices a dead connection.
  tick(news) {
    if (!this.isOpen) return;
    if (now() - this.#heard < SILENCE) {
      this.send({ time: now(), ...news });
      return;
    }
    this.#drop(); // closing it properly may take as long as the system's timeout
    this.#lost("");
  }

  #drop(code) {
    if (this.#socket === null) return;
    this.#socket.onclose = null;
    this.#socket.onmessage = null;
    this.#socket.close(code);
    this.#socket = null;
  }

  #connect() {
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.#address);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#heard = now();
    socket.onopen = () => {
      if (this.#token) this.send({ token: this.#token });
      this.#ask();
      this.send({ time: now() });
    };
    socket.onmessage = ({ data }) => this.#hear(data);
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
  }

  #ask() {
    this.send({ send: { camera: this.#camera, client: this.#client, take: this.#take } });
    this.#take = false;
  }

  #hear(data) {
    this.#heard = now();
    if (typeof data !== "string") return;
    const message = JSON.parse(data);
    if (message.type === "time") this.clock.add(message.time, message.now * 1000, now());
    else if (message.type === "yours") this.#wait = FIRST_WAIT;
    this.#on.message(message);
  }

  #closed(code, reason) {
    this.#socket = null;
    if (code === REFUSED) this.#on.refused(reason);
    else this.#lost(reason);
  }

  #lost(reason) {
    this.#timer = setTimeout(() => this.#connect(), this.#wait);
    this.#wait = Math.min(LONGEST_WAIT, this.#wait * 2);
    this.#on.lost(reason);
  }
}

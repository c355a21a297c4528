// The page's single WebSocket to a server for all its views: requests, acknowledges, measures, and reconnects.
// SPDX-License-Identifier: Apache-2.0

import { Clock, now } from "./clock.js";

const FIRST_WAIT = 0.5; // seconds until the first reconnection attempt
const LONGEST_WAIT = 5;
const ASKED = 2; // seconds between requests for the server's time
const GATHERED = 20; // ms for which acknowledgements are combined in one message: a server accepts 1,000 per second
const SILENCE = 8; // seconds without an answer after which the connection counts as lost
const HEAD = 32; // bytes
const KINDS = [null, "start", "picture", "results", "jpeg", "gone"];
const REFUSED = 4401;
const servers = new Map();

// A browser may keep a page that was left, with its connections, in its cache.
addEventListener("pagehide", () => {
  for (const server of servers.values()) server.rest();
});
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) for (const server of servers.values()) server.resume();
});

// The connection to a server. Shared by all views of the page with the same token.
export function serverAt(address, token) {
  const name = `${address}\n${token}`;
  if (!servers.has(name)) servers.set(name, new Server(address, token));
  return servers.get(name);
}

function headOf(data) {
  const view = new DataView(data);
  if (data.byteLength < HEAD) return null;
  const flags = view.getUint8(1);
  return {
    kind: KINDS[view.getUint8(0)],
    key: (flags & 1) !== 0,
    damaged: (flags & 2) !== 0,
    gap: (flags & 4) !== 0,
    late: (flags & 8) !== 0,
    view: view.getUint16(2, true),
    leftOut: view.getUint32(4, true),
    sampleSize: view.getUint32(8, true),
    elapsed: view.getUint32(12, true) / 1e6,
    pts: view.getFloat64(16, true),
    captured: view.getFloat64(24, true),
  };
}

class Server {
  clock = new Clock();
  most = 1; // seconds

  #address;
  #token;
  #socket = null;
  #views = new Map(); // by id: {port, mode, width, on, ended}
  #next = 0;
  #wait = FIRST_WAIT;
  #timer = 0;
  #heard = 0;
  #asking = 0;
  #acks = {}; // by the id of their view
  #acking = 0;
  #link = { state: "connecting" };

  constructor(address, token) {
    this.#address = address;
    this.#token = token;
  }

  // Registers a view and returns its ID. `on.message(head, body)`, `on.link({state, text})`, `on.need()`: bytes per
  // second of its video; 0 if unknown, or if it never receives a video.
  watch({ port, mode, width }, on) {
    const id = this.#next;
    this.#next = (id + 1) % 65536;
    this.#views.set(id, { port, mode, width, on });
    this.#ask();
    this.resume();
    on.link(this.#link);
    return id;
  }

  // Closes the connection until resume().
  rest() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#socket === null) return;
    clearInterval(this.#asking);
    this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
    this.#say({ state: "connecting" });
  }

  resume() {
    const wanted = this.#views.size > 0 && this.#link.state !== "refused";
    if (wanted && this.#socket === null && this.#timer === 0) this.#open();
  }

  leave(id) {
    if (this.#views.delete(id)) this.#ask();
  }

  // Ends a view, which still gets what the server has already sent for it. Calls `arrived` after that. If the connection
  // is lost before, the view continues instead.
  end(id, arrived) {
    this.#views.get(id).ended = { at: now(), arrived };
    this.#ask();
    this.#askTime(); // the answer arrives after them
  }

  resize(id, width) {
    const view = this.#views.get(id);
    if (view === undefined || view.width === width) return;
    view.width = width;
    this.#ask();
  }

  // Bytes per second of the videos of all other views.
  neededBeside(id) {
    return [...this.#views].reduce((sum, [other, { on }]) => sum + (other === id ? 0 : on.need()), 0);
  }

  acknowledge(id, pts) {
    if (!this.#views.has(id)) return;
    this.#acks[id] = pts;
    this.#acking ||= setTimeout(() => {
      this.#send({ ack: this.#acks });
      this.#acks = {};
      this.#acking = 0;
    }, GATHERED);
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #ask() {
    const views = [...this.#views].filter(([, { ended }]) => !ended);
    this.#send({ watch: views.map(([id, { port, mode, width }]) => ({ id, port, mode, width })) });
  }

  #open() {
    this.#timer = 0;
    const address = new URL("api/video", this.#address);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#heard = now();
    socket.onopen = () => {
      if (this.#token) this.#send({ token: this.#token });
      this.#askTime(); // while no image is queued before the answer
      this.#ask();
    };
    socket.onmessage = ({ data }) => this.#take(data);
    socket.onclose = ({ code, reason }) => socket === this.#socket && this.#closed(code, reason);
    clearInterval(this.#asking);
    this.#asking = setInterval(() => this.#measure(), ASKED * 1000);
  }

  #askTime() {
    this.#send({ ack: {}, time: now() });
  }

  #measure() {
    if (this.#views.size === 0) this.#heard = now(); // timers of a hidden page may be paused
    if (now() - this.#heard < SILENCE) {
      this.#askTime();
      return;
    }
    const socket = this.#socket;
    socket.onclose = null; // closing may take as long as the system's timeout
    socket.close();
    this.#closed(1006, "");
  }

  #take(data) {
    this.#heard = now();
    if (typeof data === "string") {
      this.#told(JSON.parse(data));
      return;
    }
    const head = headOf(data);
    if (head !== null) this.#views.get(head.view)?.on.message(head, new Uint8Array(data, HEAD));
  }

  #told(message) {
    if (message.type === "welcome") {
      this.#wait = FIRST_WAIT;
      this.most = message.most;
      this.clock.begin(message.now, now());
      this.#say({ state: "open" });
    } else if (message.type === "time") {
      this.clock.add(message.time, message.now, now());
      for (const { ended } of [...this.#views.values()]) {
        if (ended && message.time >= ended.at) ended.arrived();
      }
    }
  }

  #closed(code, reason) {
    clearInterval(this.#asking);
    this.#socket = null;
    if (code === REFUSED) {
      this.#say({ state: "refused", text: "The server rejected the token of this view." });
      return;
    }
    const server = new URL(this.#address).host;
    const text = reason || `No answer from ${server}: is the program running, and does it accept pages from this address?`;
    this.#say({ state: "lost", text });
    if (this.#views.size > 0) this.#timer = setTimeout(() => this.#open(), this.#wait * 1000);
    this.#wait = Math.min(LONGEST_WAIT, this.#wait * 1.6);
  }

  #say(link) {
    this.#link = link;
    for (const view of this.#views.values()) {
      if (link.state !== "open") view.ended = null;
      view.on.link(link);
    }
  }
}

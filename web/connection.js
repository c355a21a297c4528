// The WebSocket to the server: acknowledges states, detects silence, reconnects.
// SPDX-License-Identifier: Apache-2.0

const FIRST_WAIT = 0.5; // seconds until the first reconnection attempt
const LONGEST_WAIT = 5;
const SILENCE = 3; // seconds without a state after which the numbers count as stale; the server sends four per second
const GIVE_UP = 8; // seconds without a state after which it reconnects

// Calls `on.history`, `on.state`, and `on.link(link)` with {state: "open" | "silent" | "lost" | "refused", retry: seconds}.
export class Connection {
  #on;
  #socket = null;
  #wait = FIRST_WAIT;
  #heard = 0;
  #link = "";
  #timer = 0;

  constructor(on) {
    this.#on = on;
    setInterval(() => this.#listen(), 500);
    addEventListener("online", () => this.#again(0));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.#socket === null) this.#again(0);
    });
    addEventListener("pagehide", () => this.#leave());
    addEventListener("pageshow", ({ persisted }) => persisted && this.#again(0));
    this.#open();
  }

  // A browser may keep a page that was left (with its connection) in its cache, and the server would count it as a
  // viewer.
  #leave() {
    clearTimeout(this.#timer);
    if (this.#socket === null) return;
    this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }

  #open() {
    this.#timer = 0;
    const address = new URL("api/live", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    this.#socket = socket;
    this.#heard = performance.now();
    socket.onmessage = ({ data }) => this.#take(socket, JSON.parse(data));
    socket.onclose = () => this.#closed(socket);
  }

  #take(socket, message) {
    this.#heard = performance.now();
    if (message.type === "history") {
      this.#on.history(message);
    } else if (message.type === "state") {
      this.#wait = FIRST_WAIT;
      this.#say("open");
      try {
        this.#on.state(message);
      } finally {
        if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ ack: "state" }));
      }
    }
  }

  #closed(socket) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#say("lost", this.#wait);
    this.#askWhy();
    this.#again(this.#wait);
    this.#wait = Math.min(LONGEST_WAIT, this.#wait * 1.6);
  }

  // A WebSocket does not report why it was refused; a plain request does.
  async #askWhy() {
    try {
      const answer = await fetch("api/state", { cache: "no-store", signal: AbortSignal.timeout(3000) });
      if (answer.status === 401 || answer.status === 403) this.#say("refused", this.#wait);
    } catch {
      // No answer: still lost, as already reported.
    }
  }

  #again(seconds) {
    clearTimeout(this.#timer);
    if (this.#socket !== null) return;
    this.#timer = setTimeout(() => this.#open(), seconds * 1000);
  }

  #listen() {
    const socket = this.#socket;
    if (socket === null) return;
    const silence = (performance.now() - this.#heard) / 1000;
    if (silence > GIVE_UP) {
      socket.onclose = null; // closing may take as long as the system's timeout
      socket.close();
      this.#closed(socket);
    } else if (silence > SILENCE && this.#link === "open") {
      this.#say("silent");
    }
  }

  #say(state, retry = 0) {
    if (state === "open" && this.#link === "open") return;
    this.#link = state;
    this.#on.link({ state, retry });
  }
}

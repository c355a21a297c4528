// Live pictures of the selected ports: drawn as they arrive, with their age; pause, full screen, snapshot.
// SPDX-License-Identifier: Apache-2.0

import { attribute, byId, el, text } from "./dom.js";
import * as format from "./format.js";
import { stateOf } from "./words.js";

const WIDEST = 1920; // px asked for at most

class Screen {
  #picture = null; // the last one as received: {header, blob, at}
  #times = [];

  constructor(port, changed) {
    this.port = port;
    this.paused = false;
    this.canvas = el("canvas", {
      width: 16,
      height: 9,
      role: "img",
      "aria-label": `Live picture of ${port}`,
    });
    this.age = el("span", { class: "age num", "data-kind": "none" }, "no picture yet");
    this.size = el("span", { class: "num dim" });
    this.pause = el(
      "button",
      { type: "button", "aria-pressed": "false", onclick: () => this.#pause(changed) },
      "Pause",
    );
    const full = el("button", { type: "button", onclick: () => this.#fullScreen() }, "Full screen");
    const save = el("button", { type: "button", onclick: () => this.#save() }, "Snapshot");
    this.element = el(
      "figure",
      { class: "screen", "data-port": port },
      el("div", { class: "frame" }, this.canvas, this.age),
      el(
        "figcaption",
        {},
        el("b", {}, port),
        this.size,
        el("span", { class: "tools" }, this.pause, full, save),
      ),
    );
  }

  #pause(changed) {
    this.paused = !this.paused;
    attribute(this.pause, "aria-pressed", String(this.paused));
    text(this.pause, this.paused ? "Resume" : "Pause");
    changed();
  }

  #fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.element.requestFullscreen?.();
  }

  #save() {
    if (this.#picture === null) return;
    const address = URL.createObjectURL(this.#picture.blob);
    const name = `${this.port.replace(/[^\w-]+/g, "_")}-${this.#picture.header.seq}.jpg`;
    el("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }

  async draw(header, blob) {
    if (this.paused) return;
    const at = performance.now();
    const bitmap = await createImageBitmap(blob);
    const { canvas } = this;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
    }
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    const first = this.#picture === null;
    this.#picture = { header, blob, at };
    this.#times = [...this.#times.filter((time) => at - time < 2000), at];
    canvas.dataset.seq = header.seq;
    if (first) this.tell(true);
  }

  // Four times a second: an age that changes with each picture cannot be read.
  tell(live) {
    if (this.#picture === null) return;
    const { header, at } = this.#picture;
    const since = (performance.now() - at) / 1000;
    const old = !live || this.paused || since > 1;
    const age = header.age + (old ? since : 0);
    this.age.dataset.kind = this.paused ? "paused" : old ? "old" : "live";
    text(this.age, this.paused ? `paused · ${format.time(age)} old` : `${format.time(age)} old`);
    const shown = (this.#times.length - 1) / Math.max(0.1, (this.#times.at(-1) - this.#times[0]) / 1000);
    text(
      this.size,
      `${header.width}×${header.height}${old || this.#times.length < 3 ? "" : ` · ${shown.toFixed(0)}/s`}`,
    );
  }
}

export class Pictures {
  #ask;
  #ports = [];
  #chosen = new Set();
  #screens = new Map();
  #live = false;
  #over = false;

  constructor(ask) {
    this.#ask = ask;
    document.addEventListener("visibilitychange", () => this.#want());
    new ResizeObserver(() => this.#want()).observe(byId("screens"));
    setInterval(() => this.#tell(), 250);
  }

  update(state) {
    const ports = state.views.map((view) => view.port);
    this.#over = state.phase !== "running" && state.phase !== "starting";
    if (ports.join("\n") !== this.#ports.join("\n")) this.#offer(ports, state.nodes);
    this.#want();
  }

  link({ state }) {
    this.#live = state === "open";
    this.#tell();
  }

  draw(header, blob) {
    return this.#screens.get(header.port)?.draw(header, blob);
  }

  #offer(ports, nodes) {
    this.#ports = ports;
    byId("pictures").hidden = ports.length === 0;
    document.body.classList.toggle("with-pictures", ports.length > 0);
    // "#view=PORT" in the URL: the page was opened for the pictures of this port.
    const asked = new URLSearchParams(location.hash.slice(1)).get("view");
    // A camera that is away, or only recorded, has none.
    const black = new Set(nodes.filter((node) => ["away", "recorded"].includes(stateOf(node))).map(({ name }) => name));
    const first = ports.includes(asked) ? asked : (ports.find((port) => !black.has(port)) ?? ports[0]);
    document.body.classList.toggle("pictures-first", first === asked);
    this.#chosen = new Set(ports.length > 0 ? [first] : []);
    const buttons = ports.map((port) => {
      const toggle = el(
        "button",
        {
          type: "button",
          class: "chip",
          "aria-pressed": String(this.#chosen.has(port)),
          onclick: () => this.#choose(port, toggle),
        },
        port,
      );
      return toggle;
    });
    const all = el("button", { type: "button", class: "chip", onclick: () => this.#chooseAll(buttons) }, "all");
    byId("ports").replaceChildren(...(ports.length > 1 ? [...buttons, all] : []));
    this.#screens.clear();
    this.#show();
  }

  #choose(port, toggle) {
    if (!this.#chosen.delete(port)) this.#chosen.add(port);
    attribute(toggle, "aria-pressed", String(this.#chosen.has(port)));
    this.#show();
  }

  #chooseAll(buttons) {
    const every = this.#chosen.size === this.#ports.length;
    this.#chosen = new Set(every ? [] : this.#ports);
    for (const toggle of buttons) attribute(toggle, "aria-pressed", String(!every));
    this.#show();
  }

  #show() {
    for (const port of this.#ports) {
      if (this.#chosen.has(port) && !this.#screens.has(port))
        this.#screens.set(port, new Screen(port, () => this.#want()));
      if (!this.#chosen.has(port)) this.#screens.delete(port);
    }
    const shown = this.#ports
      .filter((port) => this.#chosen.has(port))
      .map((port) => this.#screens.get(port).element);
    byId("screens").replaceChildren(
      ...(shown.length > 0
        ? shown
        : [el("p", { class: "hint" }, "Choose a port above to see its pictures.")]),
    );
    this.#want();
  }

  // The page asks only for visible pictures, so that the server encodes no others.
  #want() {
    const ports = document.hidden
      ? []
      : this.#ports.filter((port) => this.#chosen.has(port) && !this.#screens.get(port).paused);
    const widths = ports.map((port) => this.#screens.get(port).canvas.clientWidth);
    const step = 160; // so that the page does not ask again for each pixel while it is resized
    const width = Math.ceil((Math.max(0, ...widths) * devicePixelRatio) / step) * step;
    this.#ask(ports, Math.min(WIDEST, Math.max(2 * step, width)));
  }

  #tell() {
    for (const screen of this.#screens.values()) screen.tell(this.#live && !this.#over);
  }
}

// Live images of the selected ports: a <freshframe-view> for each, which requests nothing while it is not visible.
// SPDX-License-Identifier: Apache-2.0

import { attribute, byId, el, text } from "./dom.js";
import "./view.js";
import { stateOf } from "./words.js";

const MOST = 4; // images shown at first

function screenOf(port) {
  const view = el("freshframe-view", { port, class: "frame" });
  view.addEventListener("click", (event) => {
    if (event.composedPath()[0] instanceof HTMLCanvasElement) view.zoom(event);
  });
  return el("figure", { class: "screen", "data-port": port }, el("figcaption", {}, el("b", {}, port)), view);
}

export class Pictures {
  #ports = [];
  #chosen = new Set();
  #screens = new Map(); // by port
  #all = el("button", { type: "button", class: "chip" });

  update(state) {
    const ports = state.views.map((view) => view.port);
    if (ports.join("\n") !== this.#ports.join("\n")) this.#offer(ports, state.nodes);
  }

  #offer(ports, nodes) {
    this.#ports = ports;
    byId("pictures").hidden = ports.length === 0;
    document.body.classList.toggle("with-pictures", ports.length > 0);
    // "#view=PORT" in the URL: the page was opened to view this port.
    const asked = new URLSearchParams(location.hash.slice(1)).get("view");
    // A camera that is disconnected, or only recorded, has none: shown at first only if there is room for all.
    const black = new Set(nodes.filter((node) => ["away", "recorded"].includes(stateOf(node))).map(({ name }) => name));
    const wanted = ports.includes(asked);
    const ordered = ports.length <= MOST ? ports : [...ports].sort((a, b) => black.has(a) - black.has(b));
    document.body.classList.toggle("pictures-first", wanted);
    document.body.classList.toggle("many-pictures", !wanted && ports.length > 1);
    this.#chosen = new Set(wanted ? [asked] : ordered.slice(0, MOST));
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
    this.#all.onclick = () => this.#chooseAll(buttons);
    byId("ports").replaceChildren(...(ports.length > 1 ? [...buttons, this.#all] : []));
    for (const screen of this.#screens.values()) screen.remove();
    this.#screens.clear();
    this.#show();
  }

  #choose(port, toggle) {
    if (!this.#chosen.delete(port)) this.#chosen.add(port);
    attribute(toggle, "aria-pressed", String(this.#chosen.has(port)));
    this.#show();
  }

  get #showsAll() {
    return this.#chosen.size === this.#ports.length;
  }

  #chooseAll(buttons) {
    const every = !this.#showsAll;
    this.#chosen = new Set(every ? this.#ports : []);
    for (const toggle of buttons) attribute(toggle, "aria-pressed", String(every));
    this.#show();
  }

  // Views that remain are not moved in the DOM, because they would request their stream again.
  #show() {
    let last = null;
    for (const port of this.#ports) {
      if (!this.#chosen.has(port)) {
        this.#screens.get(port)?.remove();
        this.#screens.delete(port);
        continue;
      }
      if (!this.#screens.has(port)) {
        this.#screens.set(port, screenOf(port));
        if (last === null) byId("screens").prepend(this.#screens.get(port));
        else last.after(this.#screens.get(port));
      }
      last = this.#screens.get(port);
    }
    byId("no-screen").hidden = last !== null;
    text(this.#all, this.#showsAll ? "hide all" : "show all");
  }
}

// What each video source's connection has been through.
// SPDX-License-Identifier: Apache-2.0

import { byId, el, fact, text } from "./dom.js";
import * as format from "./format.js";
import { STATES, word } from "./words.js";

class SourceCard {
  constructor(node) {
    this.state = el("span", { class: "state" });
    const list = el("dl", { class: "facts small" });
    this.fps = fact(list, "rate", "frames per second");
    this.outages = fact(list, "outages", "how often it was without a connection, and for how long");
    this.reconnects = fact(list, "reconnects", "outages that ended");
    this.stalls = fact(list, "stalls", "how often nothing came for a while");
    this.delay = fact(list, "decoder delay", "frames that the decoder held back");
    this.lost = fact(list, "lost", "frames lost in the device or in the decoder");
    this.error = el("p", { class: "last-error", hidden: true });
    this.element = el(
      "article",
      { class: "source", "data-node": node.name },
      el(
        "header",
        {},
        el("span", { class: "dot", "aria-hidden": "true" }),
        el("h3", {}, node.name),
        this.state,
      ),
      list,
      this.error,
    );
  }

  update(node) {
    const { source } = node;
    this.element.dataset.state = source.state;
    text(this.state, word(STATES, source.state));
    text(this.fps, `${format.rate(node.fps)} fps`);
    text(
      this.outages,
      source.outages === 0 ? "0" : `${format.count(source.outages)} · ${format.time(source.outage_seconds)}`,
    );
    text(this.reconnects, format.count(source.reconnects));
    text(this.stalls, format.count(source.stalls));
    text(this.delay, source.decoder_delay === 1 ? "1 frame" : `${format.count(source.decoder_delay)} frames`);
    text(this.lost, format.count(node.dropped));
    this.error.hidden = !source.last_error;
    text(this.error, source.last_error ? `last outage: ${source.last_error}` : "");
  }
}

export class Sources {
  #cards = new Map();

  update(state) {
    const sources = state.nodes.filter((node) => node.source);
    byId("sources").hidden = sources.length === 0;
    const names = sources.map((node) => node.name);
    if (names.join("\n") !== [...this.#cards.keys()].join("\n")) {
      this.#cards = new Map(sources.map((node) => [node.name, new SourceCard(node)]));
      byId("source-list").replaceChildren(...[...this.#cards.values()].map((card) => card.element));
    }
    for (const node of sources) this.#cards.get(node.name).update(node);
  }
}

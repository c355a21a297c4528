// The graph panel: a drawing if there is room, otherwise a list by source; and the filter.
// SPDX-License-Identifier: Apache-2.0

import { Drawing } from "./drawing.js";
import { attribute, byId, el, text } from "./dom.js";
import { List } from "./list.js";
import { bySubject } from "./problems.js";
import { periodOf } from "./words.js";

const LIST_BELOW = 700; // px of available width
const MOST_CARDS = 14; // nodes and readers: more than this are easier to read as a list
const FILTER_ABOVE = 8; // the filter is shown for more nodes than this

// The periods that the figures on the cards cover.
const hintOf = (state) =>
  `rates: last second · ages and times: ${periodOf(state)} · busy: whole run · charts: last minute · select a card for more`;

export class Graph {
  #history;
  #choose;
  #canvas = byId("canvas");
  #wanted = null; // "graph" or "list", if the user has clicked one
  #shown = null; // the Drawing or the List
  #mode = "";
  #key = "";
  #state = null;
  #width = 0;
  #filter = el("input", {
    type: "search",
    placeholder: "filter by name",
    "aria-label": "Filter the nodes by name",
    oninput: () => this.#sift(),
  });
  #broken = el(
    "button",
    { type: "button", class: "chip", "aria-pressed": "false", onclick: () => this.#toggleBroken() },
    "problems only",
  );
  #switch = el("button", { type: "button", class: "chip", onclick: () => this.#toggle() });

  constructor(history, choose) {
    this.#history = history;
    this.#choose = choose;
    byId("graph-tools").append(this.#filter, this.#broken, this.#switch);
    new ResizeObserver(() => this.#resized()).observe(this.#canvas);
  }

  update(state, ticked) {
    this.#state = state;
    text(byId("graph-hint"), hintOf(state));
    const key = JSON.stringify([
      state.nodes.map((node) => [node.number, node.name, node.language, node.kind]),
      state.edges.map((edge) => [edge.parent, edge.child, edge.queue]),
    ]);
    const fresh = key !== this.#key;
    this.#key = key;
    if (fresh) this.#build();
    this.#shown.update(state, (read) => (ticked || fresh ? read() : null), bySubject(state.problems));
    if (fresh) this.#sift();
    else if (this.#isPressed) this.#sift();
  }

  #size() {
    const names = new Set(this.#state.nodes.map((node) => node.name));
    for (const edge of this.#state.edges) names.add(edge.child);
    return names.size;
  }

  #build() {
    const many = this.#size() > MOST_CARDS;
    const narrow = this.#canvas.clientWidth < LIST_BELOW;
    if (narrow || (this.#wanted ?? (many ? "list" : "graph")) === "list") return this.#show("list");
    this.#show("graph");
    if (!this.#shown.arrange() && this.#wanted === null) this.#show("list");
  }

  #show(mode) {
    this.#shown?.remove();
    this.#mode = mode;
    const Kind = mode === "graph" ? Drawing : List;
    this.#shown = new Kind(this.#history, this.#choose);
    this.#shown.build(this.#state);
    if (this.#size() === 0) this.#canvas.replaceChildren(el("p", { class: "hint" }, "The pipeline has no nodes yet."));
    if (mode === "list") document.body.classList.add("wide-graph");
    this.#width = this.#canvas.clientWidth;
    const size = this.#size();
    this.#filter.hidden = size <= FILTER_ABOVE;
    this.#broken.hidden = size <= FILTER_ABOVE;
    this.#switch.hidden = this.#width < LIST_BELOW;
    text(this.#switch, mode === "graph" ? "as a list" : "as a graph");
  }

  #resized() {
    if (this.#state === null || this.#canvas.clientWidth === this.#width) return;
    this.#width = this.#canvas.clientWidth;
    const roomy = this.#width >= LIST_BELOW;
    // Open details may take room temporarily; the card they belong to must stay visible.
    const stays = this.#wanted !== null || document.body.classList.contains("with-details");
    if (this.#mode === "graph" && roomy && (this.#shown.arrange() || stays)) return;
    if (this.#mode === "list" && (!roomy || stays || this.#size() > MOST_CARDS)) return;
    this.#build();
    this.#again();
  }

  #toggle() {
    this.#wanted = this.#mode === "graph" ? "list" : "graph";
    this.#build();
    this.#again();
  }

  // Updates everything, including all charts.
  #again() {
    this.#shown.update(this.#state, (read) => read(), bySubject(this.#state.problems));
    this.#sift();
  }

  get #isPressed() {
    return this.#broken.getAttribute("aria-pressed") === "true";
  }

  #toggleBroken() {
    attribute(this.#broken, "aria-pressed", String(!this.#isPressed));
    this.#sift();
  }

  #sift() {
    const part = this.#filter.hidden ? "" : this.#filter.value.trim().toLowerCase();
    const broken = this.#isPressed && !this.#broken.hidden;
    const active = part !== "" || broken;
    this.#shown.filter(
      (name, alarmed) => name.toLowerCase().includes(part) && (alarmed || !broken),
      active,
    );
  }
}

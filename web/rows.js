// One node or reader of the list, with the edges that lead to it: two lines, and its problems.
// SPDX-License-Identifier: Apache-2.0

import { dropText, edgeState, linesOf, lostText, stateText, tagOf } from "./cards.js";
import { sparkline } from "./charts.js";
import { attribute, el, text } from "./dom.js";
import * as format from "./format.js";
import { stateBeside, textsOf } from "./problems.js";
import { policyName, roomOf, stateOf } from "./words.js";

const DEEPEST = 5; // steps to the right

class EdgeLine {
  constructor(edge, index, parentShown, choose) {
    this.index = index;
    const name = `${edge.parent} → ${edge.child}`;
    this.button = el(
      "button",
      {
        type: "button",
        onclick: () => choose({ edge: index }),
        "aria-label": `${policyName(edge.queue)}, ${name}`,
      },
      policyName(edge.queue),
    );
    this.waiting = el("span", { class: "num" });
    this.age = el("span", { class: "num" });
    this.drops = el("span", { class: "drops num" });
    this.element = el(
      "p",
      { class: "edge", "data-parent": edge.parent, "data-child": edge.child },
      parentShown ? null : el("span", { class: "from" }, `from ${edge.parent}`),
      this.button,
      this.waiting,
      this.age,
      this.drops,
    );
  }

  update(edge, alarms) {
    this.alarmed = alarms.length > 0;
    this.element.dataset.state = edgeState(edge, this.alarmed);
    text(this.waiting, edge.queue.depth > 0 ? `${edge.waiting}/${roomOf(edge.queue)}` : "");
    text(this.age, edge.delivered > 0 ? `age ${format.time(edge.age_p50)}` : "");
    const line = dropText(edge);
    text(this.drops, line === "no drops" ? "" : line);
    attribute(this.drops, "title", textsOf(alarms).join("\n") || null);
  }
}

export class NodeRow {
  #spark = null;
  #index;
  #lines = null;

  constructor({ name, depth, edges }, state, choose) {
    this.name = name;
    this.alarmed = false;
    this.words = ""; // of its state, beside its problems
    this.#index = state.nodes.findIndex((node) => node.name === name);
    const node = state.nodes[this.#index];
    this.#lines = node ? [["--ok", "--ok-area"]] : linesOf(state.edges[edges[0]].queue);
    this.button = el(
      "button",
      { type: "button", onclick: () => choose(node ? { node: this.#index } : { edge: edges[0] }) },
      name,
    );
    const tag = node ? tagOf(node) : "reader";
    this.rate = el("span", { class: "num rate" });
    this.state = el("span", { class: "state" });
    this.time = el("span", { class: "num time", title: "per sample: median" });
    this.place = el("div", { class: "spark", "aria-hidden": "true" });
    this.alarm = el("p", { class: "alarm", hidden: true });
    // Below its only parent an edge need not say where it comes from.
    const below = edges.length === 1 && depth > 0;
    this.edges = edges.map((index) => new EdgeLine(state.edges[index], index, below, choose));
    this.element = el(
      "article",
      {
        class: node ? "card node" : "card node reader",
        "data-node": name,
        "data-depth": String(Math.min(DEEPEST, depth)),
        "data-language": node?.language ?? null,
      },
      el(
        "header",
        {},
        el("span", { class: "dot", "aria-hidden": "true" }),
        el("h3", {}, this.button),
        tag && el("span", { class: "tag" }, tag),
      ),
      this.time,
      this.place,
      this.rate,
      this.state,
      ...this.edges.map((edge) => edge.element),
      this.alarm,
    );
  }

  attached(history) {
    this.history = history;
    this.#spark = sparkline(this.place, { least: 5, lines: this.#lines });
  }

  update(state, points, alarms) {
    for (const edge of this.edges) {
      const now = state.edges[edge.index];
      edge.update(now, alarms(`${now.parent}->${now.child}`));
    }
    const edges = this.edges.map(({ element }) => `${element.dataset.parent}->${element.dataset.child}`);
    const problems = [this.name, ...edges].flatMap(alarms);
    this.alarmed = problems.length > 0;
    this.element.toggleAttribute("data-alarm", this.alarmed);
    const node = state.nodes[this.#index];
    if (node) this.#showNode(node, problems);
    else this.#showReader(state);
    const line = problems[0]?.text ?? (node ? lostText(node) : "");
    this.alarm.hidden = line === "";
    text(this.alarm, line);
    const series = points(() =>
      node
        ? [this.history.node(this.#index, "fps")]
        : ["rate", "dropped"].map((key) => this.history.edge(this.edges[0].index, key)),
    );
    if (series !== null) this.#spark?.set(...series);
  }

  #showNode(node, problems) {
    const state = stateOf(node);
    this.element.dataset.state = state;
    const told = stateBeside(problems, state, stateText(node));
    this.words = told;
    text(this.state, told === "ok" ? "" : told); // the usual; the dot says it too
    text(this.rate, `${format.rate(node.rate ?? node.fps)} fps`);
    text(this.time, node.kind !== "source" && node.processed > 0 ? format.time(node.p50) : "");
  }

  #showReader(state) {
    const rate = format.sum(this.edges.map(({ index }) => state.edges[index].rate));
    this.element.dataset.state = rate > 0 ? "ok" : "idle";
    text(this.rate, `${format.rate(rate)} /s`);
  }

  remove() {
    this.#spark?.remove();
    this.element.remove();
  }
}

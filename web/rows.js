// One node or reader of the list: its card, with those of the edges that lead to it.
// SPDX-License-Identifier: Apache-2.0

import { EdgeCard, NodeCard, ReaderCard } from "./cards.js";

const DEEPEST = 5; // maximum indentation

export class NodeRow {
  #card;
  #index;
  #edges;

  constructor({ name, depth, edges }, state, choose) {
    this.name = name;
    this.alarmed = false;
    this.#index = state.nodes.findIndex((node) => node.name === name);
    this.#card =
      this.#index >= 0
        ? new NodeCard(state.nodes[this.#index], () => choose({ node: this.#index }))
        : new ReaderCard(name, () => choose({ edge: edges[0] }));
    this.#edges = edges.map((index) => ({ index, card: new EdgeCard(state.edges[index], () => choose({ edge: index })) }));
    this.element = this.#card.element;
    this.element.dataset.depth = Math.min(DEEPEST, depth);
    // For an only parent, the edge need not name it.
    this.element.toggleAttribute("data-below", edges.length === 1 && depth > 0);
    this.element.append(...this.#edges.map(({ card }) => card.element));
  }

  get words() {
    return this.#card.words;
  }

  attached(history) {
    this.history = history;
    this.#card.attached();
  }

  update(state, points, alarms) {
    const problems = [...alarms(this.name)];
    for (const { index, card } of this.#edges) {
      const edge = state.edges[index];
      const own = alarms(`${edge.parent}->${edge.child}`);
      card.update(edge, null, null, own);
      problems.push(...own);
    }
    this.alarmed = problems.length > 0;
    if (this.#index < 0) return this.#card.update(this.#edges.map(({ index }) => state.edges[index]), problems);
    const fps = points(() => this.history.node(this.#index, "rate"));
    this.#card.update(state.nodes[this.#index], fps, problems);
  }

  remove() {
    this.#card.remove();
  }
}

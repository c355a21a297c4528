// The pipeline drawn as a graph, or as a list where there is no room for one.
// SPDX-License-Identifier: Apache-2.0

import { EdgeCard, NodeCard, ReaderCard } from "./cards.js";
import { attribute, byId, el, svg } from "./dom.js";
import { arrange } from "./layout.js";

const SIZES = { nodeWidth: 182, edgeWidth: 154, gap: 22, space: 18 }; // the widths as in graph.css
const LIST_BELOW = 700; // px of room
const SMALLEST = 0.72; // the graph shrinks to this before it scrolls
const BESIDE = 0.62; // share of the page that a graph may need and still have the pictures beside it
const TIP = 6;

export class Graph {
  #history;
  #choose;
  #canvas = byId("canvas");
  #key = "";
  #nodes = [];
  #readers = [];
  #edges = [];
  #paths = [];
  #width = 0;

  constructor(history, choose) {
    this.#history = history;
    this.#choose = choose;
    new ResizeObserver(() => this.#resized()).observe(this.#canvas);
  }

  update(state, ticked) {
    const key = JSON.stringify([
      state.nodes.map((node) => [node.name, node.language, node.kind]),
      state.edges.map((edge) => [edge.parent, edge.child, edge.queue]),
    ]);
    const fresh = key !== this.#key;
    if (fresh) this.#build(state, key);
    const points = (read) => (ticked || fresh ? read() : null);
    state.nodes.forEach((node, index) =>
      this.#nodes[index].update(
        node,
        points(() => this.#history.node(index, "fps")),
      ),
    );
    state.edges.forEach((edge, index) => {
      const rates = points(() => this.#history.edge(index, "rate"));
      this.#edges[index].update(
        edge,
        rates,
        points(() => this.#history.edge(index, "dropped")),
      );
      this.#flow(index, edge);
    });
    for (const { card, name } of this.#readers)
      card.update(state.edges.filter((edge) => edge.child === name));
    if (fresh) this.#arrange();
  }

  #build(state, key) {
    this.#key = key;
    for (const card of [...this.#nodes, ...this.#readers.map(({ card }) => card), ...this.#edges])
      card.remove();
    const names = new Set(state.nodes.map((node) => node.name));
    const readers = [...new Set(state.edges.map((edge) => edge.child).filter((name) => !names.has(name)))];
    this.#nodes = state.nodes.map((node, index) => new NodeCard(node, () => this.#choose({ node: index })));
    this.#readers = readers.map((name) => ({
      name,
      card: new ReaderCard(name, () =>
        this.#choose({ edge: state.edges.findIndex((edge) => edge.child === name) }),
      ),
    }));
    this.#edges = state.edges.map((edge, index) => new EdgeCard(edge, () => this.#choose({ edge: index })));
    this.#paths = state.edges.map(() =>
      svg(
        "g",
        { class: "curve" },
        svg("path"),
        svg("path", { class: "flow" }),
        svg("path", { class: "tip" }),
      ),
    );
    this.lines = svg("svg", { class: "curves", "aria-hidden": "true" }, ...this.#paths);
    this.surface = el("div", { class: "surface as-graph" }, this.lines);
    this.#canvas.replaceChildren(this.surface);
    this.names = [...state.nodes.map((node) => node.name), ...readers];
    this.links = state.edges.map(({ parent, child }) => ({ parent, child }));
    const cards = this.#cards();
    this.surface.append(...cards.map((card) => card.element), ...this.#edges.map((card) => card.element));
    for (const card of [...cards, ...this.#edges]) card.attached();
    // Curves may be slow to draw; cards that are not chosen do not change size, so once is enough.
    this.#order();
  }

  #cards() {
    return [...this.#nodes, ...this.#readers.map(({ card }) => card)];
  }

  // The order of the elements is the order in which the list and the keyboard go.
  #order() {
    const cards = this.#cards();
    const plan = this.#plan(cards);
    for (const { node, edge } of plan.reading) {
      this.surface.append((node !== undefined ? cards[node] : this.#edges[edge]).element);
    }
  }

  #plan(cards) {
    return arrange(
      this.names.map((name, index) => ({ name, height: cards[index].element.offsetHeight })),
      this.links.map((link, index) => ({ ...link, height: this.#edges[index].element.offsetHeight })),
      SIZES,
    );
  }

  #resized() {
    if (this.#canvas.clientWidth !== this.#width && this.surface) this.#arrange();
  }

  #arrange() {
    this.#width = this.#canvas.clientWidth;
    const cards = this.#cards();
    const list = this.#width < LIST_BELOW;
    this.surface.style.removeProperty("zoom");
    this.surface.classList.toggle("as-list", list);
    this.surface.classList.toggle("as-graph", !list);
    if (list) {
      for (const name of ["width", "height"]) this.surface.style.removeProperty(name);
      for (const card of [...cards, ...this.#edges]) card.fit();
      return;
    }
    const plan = this.#plan(cards);
    const put = (card, box) => {
      card.element.style.setProperty("left", `${box.x}px`);
      card.element.style.setProperty("top", `${box.y}px`);
      card.fit();
    };
    cards.forEach((card, index) => put(card, plan.nodes[index]));
    this.#edges.forEach((card, index) => put(card, plan.edges[index]));
    this.surface.style.setProperty("width", `${plan.width}px`);
    this.surface.style.setProperty("height", `${plan.height}px`);
    document.body.classList.toggle("wide-graph", plan.width > BESIDE * document.body.clientWidth);
    this.#width = this.#canvas.clientWidth;
    attribute(this.lines, "viewBox", `0 0 ${plan.width} ${plan.height}`);
    plan.routes.forEach((points, index) => draw(this.#paths[index], points));
    const scale = Math.max(SMALLEST, Math.min(1, this.#width / plan.width));
    if (scale < 1) this.surface.style.setProperty("zoom", scale.toFixed(3));
  }

  // Dashes run along a curve as fast as samples do, in classes of speed: a style that changes all the time restarts.
  #flow(index, edge) {
    const path = this.#paths[index];
    attribute(path, "data-state", this.#edges[index].state);
    const speed = edge.rate <= 0 ? "" : edge.rate < 5 ? "slow" : edge.rate < 20 ? "steady" : "fast";
    attribute(path, "data-speed", speed || null);
  }
}

function draw(group, points) {
  const [line, flow, tip] = group.children;
  const path = curve(points);
  attribute(line, "d", path);
  attribute(flow, "d", path);
  const { x, y } = points.at(-1);
  attribute(tip, "d", `M ${x} ${y} l ${-TIP} ${-TIP * 0.7} v ${TIP * 1.4} z`);
}

function curve(points) {
  let path = `M ${points[0].x} ${points[0].y}`;
  for (let index = 1; index < points.length; ++index) {
    const [a, b] = [points[index - 1], points[index]];
    const bend = Math.max(12, (b.x - a.x) / 2);
    path += a.y === b.y ? ` L ${b.x} ${b.y}` : ` C ${a.x + bend} ${a.y} ${b.x - bend} ${b.y} ${b.x} ${b.y}`;
  }
  return path;
}

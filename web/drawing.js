// The pipeline drawn as a graph: cards connected by curves.
// SPDX-License-Identifier: Apache-2.0

import { EdgeCard, NodeCard, ReaderCard } from "./cards.js";
import { attribute, byId, el, svg } from "./dom.js";
import { arrange } from "./layout.js";

const SIZES = { nodeWidth: 182, edgeWidth: 154, gap: 22, space: 18 }; // the widths as in graph.css
const SMALLEST = 0.86; // the drawing is scaled down at most to this; its smallest font is then 10 px
const BESIDE = 0.62; // fraction of the page that a graph may take and still have images next to it
const TIP = 6;
const TURN = 28; // px by which the ends of a curve back to the next row bend; three quarters of it are visible

export class Drawing {
  #history;
  #choose;
  #canvas = byId("canvas");
  #nodes = [];
  #readers = [];
  #edges = [];
  #paths = [];
  #width = 0;
  #heights = "";

  constructor(history, choose) {
    this.#history = history;
    this.#choose = choose;
  }

  // `points(read)` returns what `read` reads for the charts, or null if nothing is new; `alarms(subject)` returns
  // its problems.
  update(state, points, alarms) {
    state.nodes.forEach((node, index) =>
      this.#nodes[index].update(
        node,
        points(() => this.#history.node(index, "rate")),
        alarms(node.name),
      ),
    );
    state.edges.forEach((edge, index) => {
      const rates = points(() => this.#history.edge(index, "rate"));
      this.#edges[index].update(
        edge,
        rates,
        points(() => this.#history.edge(index, "dropped")),
        alarms(`${edge.parent}->${edge.child}`),
      );
      this.#flow(index, edge);
    });
    for (const { card, name } of this.#readers)
      card.update(state.edges.filter((edge) => edge.child === name));
    // An additional line on a card moves the cards below it.
    if (this.#heights !== "" && this.#measured() !== this.#heights) this.arrange();
  }

  remove() {
    for (const card of [...this.#nodes, ...this.#readers.map(({ card }) => card), ...this.#edges])
      card.remove();
    this.#nodes = [];
    this.#readers = [];
    this.#edges = [];
    this.surface?.remove();
  }

  // Returns the element to show.
  build(state) {
    this.remove();
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
    // Curves may be slow to draw. Cards that are not selected keep their size, so drawing once is enough.
    this.#order();
  }

  // Fades cards whose names do not match.
  filter(matches) {
    for (const card of this.#cards()) {
      card.element.classList.toggle("pale", !matches(card.element.dataset.node, "alarm" in card.element.dataset));
    }
  }

  #cards() {
    return [...this.#nodes, ...this.#readers.map(({ card }) => card)];
  }

  // The order of the elements determines the order for the keyboard.
  #order() {
    const cards = this.#cards();
    const plan = this.#plan(cards);
    for (const { node, edge } of plan.reading) {
      this.surface.append((node !== undefined ? cards[node] : this.#edges[edge]).element);
    }
  }

  #plan(cards, most = Infinity) {
    return arrange(
      this.names.map((name, index) => ({ name, height: cards[index].element.offsetHeight })),
      this.links.map((link, index) => ({ ...link, height: this.#edges[index].element.offsetHeight })),
      SIZES,
      most,
    );
  }

  #measured() {
    return [...this.#cards(), ...this.#edges].map((card) => card.element.offsetHeight).join(" ");
  }

  // Positions the cards. Returns false if there is not enough room.
  arrange() {
    this.#width = this.#canvas.clientWidth;
    const cards = this.#cards();
    this.surface.style.removeProperty("zoom");
    const plan = this.#plan(cards, this.#width / SMALLEST);
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
    const wanted = this.#width / plan.width;
    const scale = Math.max(SMALLEST, Math.min(1, wanted));
    if (scale < 1) this.surface.style.setProperty("zoom", scale.toFixed(3));
    this.#heights = this.#measured();
    return wanted >= SMALLEST;
  }

  // Dashes move along a curve at the speed of the samples, in a few classes: changing the style continuously would
  // restart the animation.
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
    if (b.back !== undefined) {
      path += ` C ${a.x + TURN} ${a.y} ${a.x + TURN} ${b.back} ${a.x} ${b.back} L ${b.x} ${b.back}`;
      path += ` C ${b.x - TURN} ${b.back} ${b.x - TURN} ${b.y} ${b.x} ${b.y}`;
      continue;
    }
    const bend = Math.max(12, (b.x - a.x) / 2);
    path += a.y === b.y ? ` L ${b.x} ${b.y}` : ` C ${a.x + bend} ${a.y} ${b.x - bend} ${b.y} ${b.x} ${b.y}`;
  }
  return path;
}

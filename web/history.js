// The last minute of every edge and node, one point a second: first from the server, then from the states.
// SPDX-License-Identifier: Apache-2.0

import { sum } from "./format.js";

const POINTS = 60;
const SLACK = 0.1; // seconds by which a state may come early
const EDGE = {
  rate: (edge) => edge.rate,
  dropped: (edge) => sum(Object.values(edge.drop_rate)),
  waiting: (edge) => edge.waiting,
  age_p50: (edge) => edge.age_p50,
};
const NODE = { fps: (node) => node.rate ?? node.fps };

const padded = (points) => [
  ...Array(Math.max(0, POINTS - points.length)).fill(null),
  ...points.slice(-POINTS),
];

export class History {
  #time = -Infinity; // of the last point, unix
  #interval = 1;
  #edges = [];
  #nodes = [];

  begin(message) {
    const series = (one) =>
      Object.fromEntries(Object.entries(one).map(([key, points]) => [key, padded(points)]));
    this.#time = message.time;
    this.#interval = message.interval;
    this.#edges = message.edges.map(series);
    this.#nodes = message.nodes.map(series);
  }

  // Returns whether there is a new point.
  add(state) {
    const steps = Math.floor((state.time - this.#time + SLACK) / this.#interval);
    if (steps < 1) return false;
    const missed = Math.min(POINTS, steps - 1);
    const push = (all, items, readers) => {
      items.forEach((item, index) => {
        all[index] ??= {};
        for (const [key, read] of Object.entries(readers)) {
          const points = (all[index][key] ??= Array(POINTS).fill(null));
          points.push(...Array(missed).fill(null), read(item));
          points.splice(0, points.length - POINTS);
        }
      });
    };
    push(this.#edges, state.edges, EDGE);
    push(this.#nodes, state.nodes, NODE);
    // On the grid of the server's points, unless it was quiet for longer.
    this.#time = steps > 1 ? state.time : this.#time + this.#interval;
    return true;
  }

  forget() {
    this.#time = -Infinity;
    this.#edges = [];
    this.#nodes = [];
  }

  edge(index, key) {
    return this.#edges[index]?.[key] ?? [];
  }

  node(index, key) {
    return this.#nodes[index]?.[key] ?? [];
  }
}

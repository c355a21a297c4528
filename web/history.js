// The last hour of every edge and node, one point per second: the last minute comes from the server, the rest from
// the states.
// SPDX-License-Identifier: Apache-2.0

import { sum } from "./format.js";

const MINUTE = 60; // points
const HOUR = 3600; // points
const SHORTER = 600; // points kept for a large graph
const LARGE = 100; // edges
const SLACK = 0.1; // seconds by which a state may arrive early
const EDGE = {
  rate: (edge) => edge.rate,
  dropped: (edge) => sum(Object.values(edge.drop_rate)),
  waiting: (edge) => edge.waiting,
  age_p50: (edge) => edge.age_p50,
};
const NODE = { rate: (node) => node.rate };

const last = (points = [], count) => [
  ...Array(Math.max(0, count - points.length)).fill(null),
  ...points.slice(-count),
];

export class History {
  #time = -Infinity; // of the last point, Unix time
  #interval = 1;
  #edges = [];
  #nodes = [];

  begin(message) {
    this.#time = message.time;
    this.#interval = message.interval;
    this.#edges = message.edges;
    this.#nodes = message.nodes;
  }

  // Returns true if there is a new point.
  add(state) {
    const steps = Math.floor((state.time - this.#time + SLACK) / this.#interval);
    if (steps < 1) return false;
    const most = state.edges.length > LARGE ? SHORTER : HOUR;
    const missed = Math.min(most, steps - 1);
    const push = (all, items, readers) => {
      const known = new Map(all.map((series) => [series.number, series]));
      items.forEach((item, index) => {
        all[index] = known.get(item.number) ?? { number: item.number };
        for (const [key, read] of Object.entries(readers)) {
          const points = (all[index][key] ??= []);
          points.push(...Array(missed).fill(null), read(item));
          if (points.length > most) points.splice(0, points.length - most);
        }
      });
      all.length = items.length;
    };
    push(this.#edges, state.edges, EDGE);
    push(this.#nodes, state.nodes, NODE);
    // Aligned with the server's points, unless there was a longer gap.
    this.#time = steps > 1 ? state.time : this.#time + this.#interval;
    return true;
  }

  forget() {
    this.#time = -Infinity;
    this.#edges = [];
    this.#nodes = [];
  }

  // The newest `count` points, oldest first; null for unknown values.
  edge(index, key, count = MINUTE) {
    return last(this.#edges[index]?.[key], count);
  }

  node(index, key, count = MINUTE) {
    return last(this.#nodes[index]?.[key], count);
  }
}

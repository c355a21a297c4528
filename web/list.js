// The pipeline as a list: a group per source, each node below the one that it gets its samples from.
// SPDX-License-Identifier: Apache-2.0

import { byId, el, text } from "./dom.js";
import * as format from "./format.js";
import { NodeRow } from "./rows.js";
import { stateText } from "./cards.js";
import { stateOf } from "./words.js";

const OPEN = 6; // number of groups; if there are more, only those with a problem are open
const SHARED = "several sources";

// Nodes and readers by source, in order of their distance from it: [{name, items: [{name, depth, edges}]}], where
// `edges` are the indices of the edges that lead there. A camera's packets are in its group. Everything downstream of
// several sources is in a last group of its own.
export function groups(nodes, edges) {
  const names = [...new Set([...nodes.map((node) => node.name), ...edges.map((edge) => edge.child)])];
  const parents = new Map(names.map((name) => [name, []]));
  const children = new Map(names.map((name) => [name, []]));
  edges.forEach(({ parent, child }, index) => {
    parents.get(child).push(index);
    children.get(parent)?.push(child);
  });
  const first = new Set(names.filter((name) => parents.get(name).length === 0));
  const cameras = new Map(nodes.filter((node) => node.packets_of).map((node) => [node.name, node.packets_of]));
  const sources = new Map(names.map((name) => [name, new Set(first.has(name) ? [cameras.get(name) ?? name] : [])]));
  for (let round = 0; round < names.length; ++round) {
    let changed = false;
    for (const { parent, child, only } of edges) {
      const through = first.has(only) ? [cameras.get(only) ?? only] : (sources.get(parent) ?? []);
      for (const source of through) {
        if (!sources.get(child).has(source)) changed = Boolean(sources.get(child).add(source));
      }
    }
    if (!changed) break;
  }
  const groupOf = (name) => (sources.get(name).size === 1 ? [...sources.get(name)][0] : SHARED);
  const found = new Map();
  const seen = new Set();
  const visit = (name, depth) => {
    if (seen.has(name)) return;
    seen.add(name);
    const group = groupOf(name);
    if (!found.has(group)) found.set(group, []);
    found.get(group).push({ name, depth, edges: parents.get(name) });
    for (const child of children.get(name)) visit(child, groupOf(child) === group ? depth + 1 : 0);
  };
  for (const name of first) if (!cameras.has(name)) visit(name, 0);
  for (const name of first) visit(name, 1);
  for (const name of names) visit(name, 0);
  const all = [...found].map(([name, items]) => ({ name, items }));
  return [...all.filter(({ name }) => name !== SHARED), ...all.filter(({ name }) => name === SHARED)];
}

class Group {
  #touched = false;

  constructor({ name, items }, state, choose) {
    this.name = name;
    this.count = items.length;
    this.rate = el("span", { class: "num rate" });
    this.state = el("span", { class: "state" });
    this.rows = items.map((item) => new NodeRow(item, state, choose));
    this.element = el(
      "details",
      { class: "group", "data-source": name },
      el(
        "summary",
        { onclick: () => (this.#touched = true) },
        el("span", { class: "dot", "aria-hidden": "true" }),
        el("b", {}, name),
        el("span", { class: "hint" }, `${items.length} ${items.length === 1 ? "card" : "cards"}`),
        this.rate,
        this.state,
      ),
      el("div", { class: "nodes" }, ...this.rows.map((row) => row.element)),
    );
  }

  update(state, points, alarms, few) {
    for (const row of this.rows) row.update(state, points, alarms);
    const alarmed = this.rows.filter((row) => row.alarmed);
    const source = state.nodes.find((node) => node.name === this.name);
    const broken = alarmed.length > 0;
    this.element.toggleAttribute("data-alarm", broken);
    this.element.dataset.state = source ? stateOf(source) : "idle";
    text(this.rate, source ? `${format.rate(source.rate)} fps` : "");
    const other = alarmed.find((row) => row.name !== this.name);
    const own = alarmed.find((row) => row.name === this.name);
    const words = source && own ? own.words : other ? [other.name, other.words].filter(Boolean).join(": ") : "";
    text(this.state, broken ? words : source ? stateText(source) : "");
    if (!this.#touched) this.element.open = few || broken;
  }

  filter(matches, active) {
    let any = false;
    for (const row of this.rows) {
      const shown = matches(row.name, row.alarmed) || (active && matches(this.name, row.alarmed));
      row.element.hidden = !shown;
      any ||= shown;
    }
    this.element.hidden = !any;
    if (active && any) this.element.open = true;
  }
}

export class List {
  #choose;
  #history;
  #groups = [];

  constructor(history, choose) {
    this.#history = history;
    this.#choose = choose;
  }

  build(state) {
    this.remove();
    this.#groups = groups(state.nodes, state.edges).map((group) => new Group(group, state, this.#choose));
    this.surface = el("div", { class: "surface as-list" }, ...this.#groups.map((group) => group.element));
    byId("canvas").replaceChildren(this.surface);
    for (const group of this.#groups) for (const row of group.rows) row.attached(this.#history);
  }

  update(state, points, alarms) {
    for (const group of this.#groups) group.update(state, points, alarms, this.#groups.length <= OPEN);
  }

  filter(matches, active) {
    for (const group of this.#groups) group.filter(matches, active);
  }

  remove() {
    for (const group of this.#groups) for (const row of group.rows) row.remove();
    this.#groups = [];
    this.surface?.remove();
  }
}

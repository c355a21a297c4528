// The cards of the graph: one per node, reader and edge. Each knows how to show its part of the state.
// SPDX-License-Identifier: Apache-2.0

import { sparkline } from "./charts.js";
import { attribute, el, text } from "./dom.js";
import * as format from "./format.js";
import { CAUSES, STATES, policyName, word } from "./words.js";

const SAMPLES = 8; // states, four a second: what a node mostly did in the last two seconds is shown
const AT_ONCE = new Set(["opening", "ended", "failed"]);

// A state that changes with every sample would flicker; the most frequent one of late does not.
class Mostly {
  #seen = [];

  add(state) {
    if (AT_ONCE.has(state)) {
      this.#seen = [state];
      return state;
    }
    this.#seen = [...this.#seen.filter((other) => !AT_ONCE.has(other)), state].slice(-SAMPLES);
    const counts = new Map();
    for (const one of this.#seen) counts.set(one, (counts.get(one) ?? 0) + 1);
    return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best))[0];
  }
}

function row(list, term, title) {
  const value = el("dd", { class: "num" }, "–");
  list.append(el("dt", { title }, term), value);
  return value;
}

export class NodeCard {
  #mostly = new Mostly();
  #spark = null;

  constructor(node, choose) {
    this.button = el("button", { type: "button", title: node.name, onclick: choose }, node.name);
    // What is neither is the usual, and the name needs the room.
    const tag = node.language === "python" ? "Python" : node.kind === "source" ? "source" : null;
    this.tag = tag && el("span", { class: "tag" }, tag);
    this.rate = el("b", { class: "num" }, "–");
    this.state = el("span", { class: "state" });
    this.place = el("div", { class: "spark", "aria-hidden": "true" });
    const list = el("dl", { class: "rows" });
    this.bar = el("i");
    this.busy = row(list, "busy", "share of the run that it worked");
    this.time = row(list, "time", "per sample: median / 99th percentile");
    if (node.language === "python") this.gil = row(list, "GIL", "waited / held, of the last second");
    this.alarm = el("p", { class: "alarm num", hidden: true });
    this.element = el(
      "article",
      { class: "card node", "data-node": node.name, "data-language": node.language },
      el(
        "header",
        {},
        el("span", { class: "dot", "aria-hidden": "true" }),
        el("h3", {}, this.button),
        this.tag,
      ),
      el("div", { class: "lead" }, el("span", { class: "big" }, this.rate, " fps"), this.state),
      this.place,
      el("div", { class: "bar", "aria-hidden": "true" }, this.bar),
      list,
      this.alarm,
    );
  }

  attached() {
    this.#spark = sparkline(this.place, { least: 5 });
  }

  update(node, fps) {
    const state = this.#mostly.add(node.state);
    this.element.dataset.state = state;
    text(this.state, word(STATES, state));
    text(this.rate, format.rate(node.fps));
    text(this.busy, format.percent(node.busy));
    this.bar.style.setProperty("inline-size", `${Math.min(100, 100 * (node.busy ?? 0)).toFixed(1)}%`);
    text(this.time, node.processed > 0 ? format.range(node.p50, node.p99) : "–");
    if (this.gil)
      text(this.gil, `${format.percent(node.gil_wait_rate)} / ${format.percent(node.gil_hold_rate)}`);
    const lost = [];
    if (node.errors > 0) lost.push(`${format.count(node.errors)} ${node.errors === 1 ? "error" : "errors"}`);
    if (node.dropped > 0) lost.push(`${format.count(node.dropped)} lost`);
    this.alarm.hidden = lost.length === 0;
    text(this.alarm, lost.join(" · "));
    if (fps !== null) this.#spark?.set(fps);
  }

  fit() {
    this.#spark?.fit();
  }

  remove() {
    this.#spark?.remove();
    this.element.remove();
  }
}

// A consumer outside the graph: it has edges and nothing else that is known of it.
export class ReaderCard {
  constructor(name, choose) {
    this.button = el("button", { type: "button", title: name, onclick: choose }, name);
    this.rate = el("b", { class: "num" }, "–");
    this.element = el(
      "article",
      { class: "card node reader", "data-node": name },
      el(
        "header",
        {},
        el("span", { class: "dot", "aria-hidden": "true" }),
        el("h3", {}, this.button),
        el("span", { class: "tag" }, "reader"),
      ),
      el("div", { class: "lead" }, el("span", { class: "big" }, this.rate, " /s taken")),
    );
  }

  attached() {}

  update(edges) {
    text(this.rate, format.rate(format.sum(edges.map((edge) => edge.rate))));
  }

  fit() {}

  remove() {
    this.element.remove();
  }
}

export class EdgeCard {
  #spark = null;

  constructor(edge, choose) {
    const name = `${edge.parent} → ${edge.child}`;
    this.button = el(
      "button",
      { type: "button", onclick: choose, "aria-label": `${policyName(edge.queue)}, ${name}` },
      policyName(edge.queue),
    );
    this.level = el("i");
    this.waiting = el("span", { class: "num" });
    this.rate = el("b", { class: "num" }, "–");
    this.place = el("div", { class: "spark", "aria-hidden": "true" });
    const list = el("dl", { class: "rows" });
    this.age = row(list, "age", "from capture to the consumer: median / 99th percentile");
    this.drops = el("p", { class: "drops num" }, "no drops");
    this.cause = el("p", { class: "cause" });
    this.element = el(
      "article",
      { class: "card edge", "data-parent": edge.parent, "data-child": edge.child },
      el("p", { class: "from" }, `from ${edge.parent}`),
      el(
        "header",
        {},
        el("h3", {}, this.button),
        el(
          "span",
          { class: "queue", title: "waiting / most" },
          el("span", { class: "bar", "aria-hidden": "true" }, this.level),
          this.waiting,
        ),
      ),
      el("div", { class: "lead" }, el("span", { class: "big" }, this.rate, " /s"), this.place),
      list,
      this.drops,
      this.cause,
    );
  }

  attached() {
    this.#spark = sparkline(this.place, {
      least: 5,
      lines: [
        ["--ok", "--ok-area"],
        ["--drop", "--drop-area"],
      ],
    });
  }

  update(edge, rates, drops) {
    const falling = format.sum(Object.values(edge.drop_rate));
    const state = falling > 0 ? "dropping" : edge.rate > 0 ? "flowing" : "idle";
    const pressed =
      edge.queue.when_full === "block" && edge.queue.depth > 0 && edge.waiting >= edge.queue.depth;
    this.element.dataset.state = pressed && state !== "dropping" ? "full" : state;
    text(this.rate, format.rate(edge.rate));
    text(this.waiting, `${edge.waiting}/${edge.queue.depth}`);
    this.level.style.setProperty(
      "inline-size",
      `${edge.queue.depth > 0 ? Math.min(100, (100 * edge.waiting) / edge.queue.depth) : 0}%`,
    );
    text(this.age, edge.delivered > 0 ? format.range(edge.age_p50, edge.age_p99) : "–");
    text(this.drops, this.#dropText(edge, falling));
    const causes = Object.entries(falling > 0 ? edge.drop_rate : edge.drops).filter(([, value]) => value > 0);
    text(
      this.cause,
      causes
        .map(([cause, value]) => `${cause} ${falling > 0 ? format.rate(value) : format.count(value)}`)
        .join(" · "),
    );
    attribute(
      this.cause,
      "title",
      causes.map(([cause]) => `${cause}: ${word(CAUSES, cause)}`).join("; ") || null,
    );
    if (rates !== null)
      this.#spark?.set(
        rates,
        drops.map((drop) => drop || null),
      ); // no line where nothing falls
  }

  #dropText(edge, falling) {
    if (falling > 0) return `▼ ${format.rate(falling)}/s dropped`;
    return edge.dropped > 0 ? `${format.count(edge.dropped)} dropped before` : "no drops";
  }

  get state() {
    return this.element.dataset.state;
  }

  fit() {
    this.#spark?.fit();
  }

  remove() {
    this.#spark?.remove();
    this.element.remove();
  }
}

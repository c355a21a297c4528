// The cards of the graph: one per node, reader and edge. Used by both the drawing and the list.
// SPDX-License-Identifier: Apache-2.0

import { sparkline } from "./charts.js";
import { attribute, el, text } from "./dom.js";
import * as format from "./format.js";
import { stateBeside, textsOf } from "./problems.js";
import {
  CAUSES,
  PERIOD,
  STATES,
  WORKER_STATES,
  designSentence,
  policyName,
  policySentence,
  roomOf,
  stateOf,
  word,
} from "./words.js";

const LINES = { design: [["--ok", "--ok-area"], ["--dim", "--skip-area"]], loss: [["--ok", "--ok-area"], ["--bad", "--bad-area"]] };

const NO_DROPS = "no drops";

export const linesOf = (queue) => (queue.skips ? LINES.design : LINES.loss);

// "15 errors · 3 lost": since the start.
export function lostText(node) {
  const lost = [];
  if (node.errors > 0) lost.push(format.plural(node.errors, "error"));
  if (node.lost > 0) lost.push(`${format.count(node.lost)} lost`);
  return lost.join(" · ");
}

// Drops per second, without those of max_rate and every.
function fallingOf(edge) {
  const others = Object.entries(edge.drop_rate).filter(([cause]) => cause !== "rate");
  return format.sum(others.map(([, number]) => number));
}

// What an edge drops, in one line.
export function dropText(edge) {
  const falling = fallingOf(edge);
  if (edge.lost > 0) return `${format.count(edge.lost)} lost`;
  if (falling === 0 && edge.queue.every > 1) return `one in ${edge.queue.every} by design`;
  if (falling === 0 && edge.queue.max_rate != null) return `at most ${edge.queue.max_rate}/s by design`;
  const design = edge.queue.skips ? designSentence(edge) : "";
  if (design !== "") return design;
  if (falling > 0) return `${format.rate(falling)}/s dropped`;
  return edge.dropped > 0 ? `${format.count(edge.dropped)} dropped so far` : NO_DROPS;
}

// Losses raise an alarm, drops by design do not.
export function edgeState(edge, alarmed) {
  if (alarmed) return "losing";
  if (fallingOf(edge) > 0) return "dropping";
  const pressed =
    edge.queue.blocks && edge.queue.depth > 0 && edge.waiting >= roomOf(edge.queue);
  if (pressed) return "full";
  return edge.rate > 0 ? "flowing" : "idle";
}

// The state in one word, and for how long a source has been disconnected or frozen.
export function stateText(node) {
  const state = stateOf(node);
  if (state === "away") return `away ${format.time(node.source.away_for)}`;
  if (state === "frozen") return `${word(STATES, node.source.frozen)} ${format.time(node.source.frozen_for)}`;
  return word(STATES, state);
}

// "1 working, 1 idle · 2 restarts · 180 MiB": the worker processes of a node.
export function workersText(workers) {
  const states = Object.entries(WORKER_STATES).flatMap(([state, shown]) => {
    const number = workers.filter((worker) => worker.state === state).length;
    return number === 0 ? [] : [workers.length === 1 ? shown : `${number} ${shown}`];
  });
  const restarts = format.sum(workers.map((worker) => worker.restarts));
  const memory = format.bytes(format.sum(workers.map((worker) => worker.rss_bytes)));
  return [states.join(", "), ...(restarts > 0 ? [format.plural(restarts, "restart")] : []), memory].join(" · ");
}

// All data about one worker process.
export function workerText(worker) {
  const parts = [word(WORKER_STATES, worker.state), format.plural(worker.samples, "sample")];
  if (worker.restarts > 0) parts.push(format.plural(worker.restarts, "restart"));
  if (worker.pid > 0) parts.push(format.bytes(worker.rss_bytes), `${format.time(worker.cpu)} of CPU`, `pid ${worker.pid}`);
  return parts.join(" · ");
}

// The device that runs the model, how long a run takes, and the number of images per call.
export function inferenceText(node) {
  const { provider, threads, duration_p50 } = node.inference;
  const parts = [provider === "cpu" ? `cpu, ${format.plural(threads, "thread")}` : provider, `${format.time(duration_p50)} a run`];
  if (node.batches !== undefined) parts.push(`batches of ${meanBatch(node.batches).toFixed(1)}`);
  return parts.join(" · ");
}

// What is spooled on disk, and since when.
export function spoolText({ waiting, size_bytes, oldest_age, sent }) {
  const parts = [`${format.count(waiting)} to send`, format.bytes(size_bytes)];
  if (oldest_age > 0) parts.push(`oldest ${format.duration(oldest_age)}`);
  return [...parts, `${format.count(sent)} sent`].join(" · ");
}

// "812 sets · 14 partial · spread 3.1 / 7.8 ms · waits 12 / 38 ms · unmatched 31": the sets of a join.
export function joinText(join) {
  const parts = [format.plural(join.sets, "set")];
  if (join.partial > 0) parts.push(`${format.count(join.partial)} partial`);
  if (join.by !== "seq") parts.push(`spread ${format.range(join.spread_p50, join.spread_p99)}`);
  parts.push(`waits ${format.range(join.wait_p50, join.wait_p99)}`);
  for (const kind of ["unmatched", "late"]) {
    const number = format.sum(join.parents.map((parent) => parent[kind]));
    if (number > 0) parts.push(`${format.count(number)} ${kind}`);
  }
  return parts.join(" · ");
}

// "right: 31 unmatched, 2 late, nearest 4.1 ms later": one parent of a join.
export function joinParentText(join, parent) {
  const parts = [`${format.count(parent.unmatched)} unmatched`, `${format.count(parent.late)} late`];
  if (parent.nearest !== null) {
    const far = Math.abs(parent.nearest);
    const amount = join.by === "seq" ? format.count(far) : format.time(far);
    parts.push(`nearest ${amount} ${parent.nearest < 0 ? "earlier" : "later"}`);
  }
  return parts.join(", ");
}

export function meanBatch(batches) {
  const calls = format.sum(batches.map(([, count]) => count));
  return format.sum(batches.map(([size, count]) => size * count)) / calls;
}

// Most nodes are neither, and have no tag, to leave room for the name.
export function tagOf(node) {
  if (node.workers !== undefined) return node.workers.length === 1 ? "process" : `${node.workers.length} processes`;
  if (node.language === "python") return "Python";
  return node.kind === "source" ? "source" : null;
}

function row(list, term, title) {
  const value = el("dd", { class: "num" }, "–");
  list.append(el("dt", { title }, term), value);
  return value;
}

function pair(list, median, title) {
  return [row(list, median, title), row(list, "99th percentile", title)];
}

function writePair(places, known, ...values) {
  places.forEach((place, index) => {
    text(place, known ? format.time(values[index]) : format.NONE);
    place.toggleAttribute("data-known", known);
  });
}

function head(button, tag) {
  return el(
    "header",
    {},
    el("span", { class: "dot", "aria-hidden": "true" }),
    el("h3", {}, button),
    tag && el("span", { class: "tag" }, tag),
  );
}

export class NodeCard {
  #spark = null;
  words = ""; // of its state, next to its problems

  constructor(node, choose) {
    this.button = el("button", { type: "button", title: node.name, onclick: choose }, node.name);
    this.rate = el("b", { class: "num" }, "–");
    this.state = el("span", { class: "state" });
    this.place = el("div", { class: "spark", "aria-hidden": "true" });
    const list = el("dl", { class: "rows" });
    this.bar = el("i");
    this.busy = row(list, "busy", "share of the run in which the node worked");
    // For a source, this would be the camera's frame interval.
    if (node.kind !== "source") {
      this.time = pair(list, "median time", `time per sample, ${PERIOD}`);
      this.time[0].classList.add("time");
    }
    if (node.language === "python") {
      this.gilWait = row(list, "waits for GIL", "share of the last second");
      this.gilHold = row(list, "holds the GIL", "share of the last second");
    }
    this.workers = el("p", { class: "workers num", hidden: node.workers === undefined });
    this.inference = el("p", { class: "workers num", hidden: node.inference === undefined });
    this.spool = el("p", { class: "workers num", hidden: node.spool === undefined });
    this.join = el("p", { class: "workers num", hidden: node.join === undefined });
    this.alarm = el("p", { class: "alarm", hidden: true });
    this.element = el(
      "article",
      { class: "card node", "data-node": node.name, "data-language": node.language },
      head(this.button, tagOf(node)),
      el("div", { class: "lead" }, el("span", { class: "big" }, this.rate, " fps"), this.state),
      this.place,
      el("div", { class: "bar", "aria-hidden": "true" }, this.bar),
      list,
      this.workers,
      this.inference,
      this.spool,
      this.join,
      this.alarm,
    );
  }

  attached() {
    this.#spark = sparkline(this.place, { least: 5 });
  }

  // `alarms`: the node's current problems.
  update(node, fps, alarms) {
    const state = stateOf(node);
    this.element.dataset.state = state;
    this.element.toggleAttribute("data-alarm", alarms.length > 0);
    this.words = stateBeside(alarms, state, stateText(node));
    text(this.state, this.words);
    this.element.toggleAttribute("data-usual", this.words === "ok");
    text(this.rate, format.rate(node.rate));
    text(this.busy, format.percent(node.busy));
    this.bar.style.setProperty("inline-size", `${Math.min(100, 100 * (node.busy ?? 0)).toFixed(1)}%`);
    if (this.time) writePair(this.time, node.processed > 0, node.duration_p50, node.duration_p99);
    if (this.gilWait) {
      text(this.gilWait, format.percent(node.gil_wait_rate));
      text(this.gilHold, format.percent(node.gil_hold_rate));
    }
    if (node.inference !== undefined) text(this.inference, inferenceText(node));
    if (node.spool !== undefined) text(this.spool, spoolText(node.spool));
    if (node.join !== undefined) {
      text(this.join, joinText(node.join));
      const parents = node.join.parents.map((one) => `${one.parent}: ${joinParentText(node.join, one)}`);
      attribute(this.join, "title", parents.join("\n"));
    }
    if (node.workers !== undefined) {
      text(this.workers, workersText(node.workers));
      attribute(this.workers, "title", node.workers.map(workerText).join("\n"));
    }
    const line = alarms[0]?.text ?? lostText(node);
    this.alarm.hidden = line === "";
    text(this.alarm, line);
    attribute(this.alarm, "title", textsOf(alarms).join("\n") || null);
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

// A consumer outside the graph, of which only its edges are known.
export class ReaderCard {
  words = "";

  constructor(name, choose) {
    this.button = el("button", { type: "button", title: name, onclick: choose }, name);
    this.rate = el("b", { class: "num" }, "–");
    this.element = el(
      "article",
      { class: "card node reader", "data-node": name, "data-usual": true },
      head(this.button, "reader"),
      el("div", { class: "lead" }, el("span", { class: "big" }, this.rate, " /s taken")),
    );
  }

  attached() {}

  update(edges, alarms = []) {
    this.element.toggleAttribute("data-alarm", alarms.length > 0);
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
    this.queue = edge.queue;
    this.button = el(
      "button",
      {
        type: "button",
        onclick: choose,
        title: policySentence(edge.queue),
        "aria-label": `${policyName(edge.queue)}, ${name}`,
      },
      policyName(edge.queue),
    );
    this.level = el("i");
    this.rate = el("b", { class: "num" }, "–");
    this.lead = el("div", { class: "lead" }, el("span", { class: "big" }, this.rate, " /s"));
    const list = el("dl", { class: "rows" });
    this.age = pair(list, "median age", `from capture to the consumer, ${PERIOD}`);
    this.waiting = row(list, "waiting now", "samples in the queue, and its limit");
    this.drops = el("p", { class: "drops num" }, NO_DROPS);
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
          { class: "queue" },
          el("span", { class: "bar", "aria-hidden": "true" }, this.level),
        ),
      ),
      this.lead,
      list,
      this.drops,
      this.cause,
    );
  }

  // Only the drawing has room for a chart on each edge.
  attached() {
    const place = el("div", { class: "spark", "aria-hidden": "true" });
    this.lead.append(place);
    this.#spark = sparkline(place, { least: 5, lines: linesOf(this.queue) });
  }

  update(edge, rates, drops, alarms) {
    const falling = format.sum(Object.values(edge.drop_rate));
    this.element.dataset.state = edgeState(edge, alarms.length > 0);
    this.element.toggleAttribute("data-alarm", alarms.length > 0);
    text(this.rate, format.rate(edge.rate));
    text(this.waiting, `${edge.waiting} of ${roomOf(edge.queue)}`);
    this.level.style.setProperty(
      "inline-size",
      `${edge.queue.depth > 0 ? Math.min(100, (100 * edge.waiting) / roomOf(edge.queue)) : 0}%`,
    );
    writePair(this.age, edge.delivered > 0, edge.age_p50, edge.age_p99);
    text(this.drops, dropText(edge));
    this.drops.toggleAttribute("data-usual", this.drops.textContent === NO_DROPS);
    attribute(this.drops, "title", textsOf(alarms).join("\n") || null);
    const causes = Object.entries(falling > 0 ? edge.drop_rate : edge.drops).filter(([, value]) => value > 0);
    text(
      this.cause,
      causes
        .map(([cause, value]) => `${cause.replaceAll("_", " ")}: ${falling > 0 ? `${format.rate(value)}/s` : format.count(value)}`)
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
      ); // no line where nothing is dropped
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

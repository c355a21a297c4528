// All numbers of one node or edge, with charts; a drawer beside the graph, the whole screen on a phone.
// SPDX-License-Identifier: Apache-2.0

import { joinParentText, linesOf, meanBatch, stateText, workerText } from "./cards.js";
import { chart } from "./charts.js";
import { attribute, byId, el, text } from "./dom.js";
import * as format from "./format.js";
import { bySubject, stateBeside, textsOf } from "./problems.js";
import { CAUSES, periodOf, policySentence, roomOf, stateOf, word } from "./words.js";

const BESIDE = matchMedia("(min-width: 1000px)"); // if there is room, as in page.css
const RANGES = [
  ["1 min", 60],
  ["10 min", 600],
  ["1 h", 3600],
]; // points: one a second
const inMilliseconds = (points) => points.map((point) => (point === null ? null : point * 1e3));

export class Details {
  #history;
  #what = null;
  #name = "";
  #charts = [];
  #values = new Map();
  #dialog = byId("details");
  #state = null;
  #opener = null;
  #points = RANGES[0][1]; // points shown

  constructor(history) {
    this.#history = history;
    this.#dialog.addEventListener("close", () => {
      if (this.#dialog.open) return; // another card was selected in the meantime
      document.body.classList.remove("with-details");
      this.#closed();
      this.#mark();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#dialog.open) this.#leave();
    });
    new ResizeObserver(() => {
      for (const one of this.#charts) one.fit(); // a phone was rotated
    }).observe(this.#dialog);
    BESIDE.addEventListener("change", () => {
      if (this.#what !== null) this.show(this.#what);
    });
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close(); // the backdrop
    });
  }

  // `what`: {node: index} or {edge: index}.
  show(what) {
    if (this.#state === null) return;
    this.#dialog.close();
    this.#closed();
    this.#what = what;
    if (!this.#dialog.contains(document.activeElement)) this.#opener = document.activeElement;
    const item = this.#item(this.#state);
    this.#name = title(item);
    const isEdge = item.parent !== undefined;
    this.list = el("dl", { class: "all" });
    this.told = el("ul", { class: "told", "aria-label": "Problems", hidden: true });
    const places = isEdge ? ["samples per second, drops", "waiting", "median age"] : ["samples per second"];
    const figures = places.map((caption) => ({ caption, place: el("div", { class: "chart" }) }));
    this.#dialog.replaceChildren(
      el(
        "div",
        { class: "head" },
        el("h2", { id: "details-title" }, this.#name),
        el(
          "button",
          {
            type: "button",
            class: "close",
            "aria-label": "Close",
            autofocus: true,
            onclick: () => this.#leave(),
          },
          "✕",
        ),
      ),
      el(
        "p",
        { class: "hint" },
        isEdge
          ? policySentence(item.queue)
          : `${item.language === "python" ? "a Python" : "a native"} ${item.kind}${processesOf(item)}`,
      ),
      this.told,
      this.#ranges(isEdge),
      ...figures.map(({ caption, place }) => el("figure", {}, el("figcaption", {}, caption), place)),
      this.list,
    );
    // Next to the page if there is room, so that both can be compared; over it on a phone.
    if (BESIDE.matches) this.#dialog.show();
    else this.#dialog.showModal();
    document.body.classList.toggle("with-details", BESIDE.matches);
    const options = isEdge
      ? [
          { lines: linesOf(item.queue), unit: "/s", least: 5 },
          { lines: [["--info", "--info-area"]], unit: "", least: Math.max(1, roomOf(item.queue)) },
          { lines: [["--info", "--info-area"]], unit: " ms", least: 1 },
        ]
      : [{ lines: [["--ok", "--ok-area"]], unit: "/s", least: 5 }];
    this.#charts = figures.map(({ place }, index) => chart(place, options[index]));
    this.update(this.#state, true);
    if (BESIDE.matches) this.#reveal(item);
  }

  // The page becomes narrower next to the drawer, and the graph is laid out again.
  #reveal(item) {
    const scroll = () => cardOf(item)?.scrollIntoView({ block: "nearest", inline: "nearest" });
    requestAnimationFrame(() => requestAnimationFrame(scroll));
  }

  // Marks the card whose details are shown, which a new layout of the graph may have replaced.
  #mark(item) {
    const card = item === undefined ? undefined : cardOf(item);
    for (const other of document.querySelectorAll(".card[data-chosen]"))
      if (other !== card) other.removeAttribute("data-chosen");
    card?.setAttribute("data-chosen", "");
  }

  update(state, ticked) {
    this.#state = state;
    if (this.#what === null) return;
    const item = this.#item(state);
    if (item === undefined || title(item) !== this.#name) {
      this.#dialog.close();
      return;
    }
    this.#mark(item);
    const problems = problemsOf(item, state);
    this.#tell(problems);
    const period = periodOf(state);
    const rows = item.parent !== undefined ? edgeRows(item, period) : nodeRows(item, problems, period);
    for (const [term, value] of rows) this.#write(term, value);
    if (ticked) this.#draw(item.parent !== undefined);
  }

  // Current problems, and what to do about them.
  #tell(problems) {
    const lines = textsOf(problems);
    this.told.hidden = lines.length === 0;
    if (lines.length !== this.told.childElementCount)
      this.told.replaceChildren(...lines.map(() => el("li")));
    lines.forEach((line, index) => text(this.told.children[index], line));
  }

  #ranges(isEdge) {
    const buttons = RANGES.map(([name, points]) =>
      el(
        "button",
        {
          type: "button",
          class: "chip",
          "aria-pressed": String(points === this.#points),
          onclick: (event) => {
            this.#points = points;
            for (const one of buttons) attribute(one, "aria-pressed", String(one === event.target));
            this.#draw(isEdge);
          },
        },
        name,
      ),
    );
    const save = el("button", { type: "button", class: "chip", onclick: () => this.#save(isEdge) }, "CSV");
    return el("p", { class: "ranges", role: "group", "aria-label": "Time range" }, ...buttons, save);
  }

  // [name, points] of each line in the chart.
  #series(isEdge) {
    const index = this.#what.edge ?? this.#what.node;
    if (!isEdge) return [["rate", this.#history.node(index, "rate", this.#points)]];
    return ["rate", "dropped", "waiting", "age_p50"].map((key) => [
      key,
      this.#history.edge(index, key, this.#points),
    ]);
  }

  #draw(isEdge) {
    const [first, ...others] = this.#series(isEdge).map(([, points]) => points);
    if (!isEdge) return this.#charts[0].set(first);
    const [dropped, waiting, age] = others;
    [[first, dropped], [waiting], [inMilliseconds(age)]].forEach((points, at) => this.#charts[at].set(...points));
  }

  // Saves the points of the range as CSV, newest last. `seconds` is relative to now.
  #save(isEdge) {
    const series = this.#series(isEdge);
    const rows = series[0][1]
      .map((_, at) => [at - this.#points + 1, ...series.map(([, points]) => points[at] ?? "")])
      .filter((row) => row.slice(1).some((value) => value !== ""));
    const lines = [["seconds", ...series.map(([name]) => name)], ...rows].map((row) => row.join(","));
    const address = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "text/csv" }));
    el("a", { href: address, download: `${this.#name.replace(/[^\w-]+/g, "_")}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }

  #item(state) {
    return this.#what.edge !== undefined ? state.edges[this.#what.edge] : state.nodes[this.#what.node];
  }

  #write(term, value) {
    let place = this.#values.get(term);
    if (place === undefined) {
      place = el("dd", { class: "num" });
      this.#values.set(term, place);
      this.list.append(el("dt", {}, term), place);
    }
    text(place, value);
  }

  // The browser restores the focus for modal dialogs only.
  #leave() {
    this.#dialog.close();
    this.#opener?.focus();
  }

  #closed() {
    for (const one of this.#charts) one.remove();
    this.#charts = [];
    this.#values.clear();
    this.#what = null;
  }
}

const cardOf = ({ parent, child, name }) =>
  [...document.querySelectorAll(".card")].find(({ dataset }) =>
    parent === undefined ? dataset.node === name : dataset.parent === parent && dataset.child === child,
  );

// Problems of an edge, or of a node and its incoming edges: a card in the list is red for both.
function problemsOf(item, state) {
  const of = bySubject(state.problems);
  if (item.parent !== undefined) return of(`${item.parent}->${item.child}`);
  const edges = state.edges.filter(({ child }) => child === item.name);
  return [...of(item.name), ...edges.flatMap(({ parent, child }) => of(`${parent}->${child}`))];
}

function processesOf(node) {
  if (node.workers === undefined) return "";
  return node.workers.length === 1 ? " in its own process" : ` in ${node.workers.length} processes`;
}

function tickRows(node) {
  if (!node.ticks && !node.ticks_missed) return [];
  return [["calls of on_tick()", `${format.count(node.ticks)}, ${format.count(node.ticks_missed)} missed`]];
}

// "8 × 120, 3 × 1": how many calls had how many samples; the most frequent first.
function batchRows(node) {
  if (node.batches === undefined) return [];
  const frequent = [...node.batches].sort((a, b) => b[1] - a[1]).slice(0, 4);
  return [
    ["samples per call, mean", meanBatch(node.batches).toFixed(1)],
    ["samples × calls", frequent.map(([size, count]) => `${size} × ${format.count(count)}`).join(", ")],
  ];
}

function inferenceRows(node) {
  if (node.inference === undefined) return [];
  const { provider, threads, runs, duration_p50, duration_p99 } = node.inference;
  return [
    ["model runs on", provider === "cpu" ? `cpu, ${format.plural(threads, "thread")}` : provider],
    ["runs of the model", format.count(runs)],
    ["time per run, median", format.time(duration_p50)],
    ["time per run, 99th percentile", format.time(duration_p99)],
  ];
}

function spoolRows(node) {
  if (node.spool === undefined) return [];
  const { waiting, size_bytes, oldest_age, sending_for, sent, refused, expired, lost, errors, last_error } = node.spool;
  return [
    ["results to send", `${format.count(waiting)} · ${format.bytes(size_bytes)}`],
    ["the oldest has waited for", oldest_age > 0 ? format.duration(oldest_age) : "–"],
    ["the current call has taken", sending_for > 0 ? format.duration(sending_for) : "–"],
    ["sent", format.count(sent)],
    ["refused · expired · unreadable", [refused, expired, lost].map(format.count).join(" · ")],
    ["calls that failed", format.count(errors) + (last_error ? ` · ${last_error}` : "")],
  ];
}

function publishRows(node) {
  if (node.publish === undefined) return [];
  const { state, connections, sent, dropped_away, dropped_slow, last_error } = node.publish;
  return [
    ["connection to the server", state.replaceAll("_", " ")],
    ["connections so far", format.count(connections) + (last_error ? ` · ${last_error}` : "")],
    ["pictures sent", format.count(sent)],
    ["not sent: no connection · slow link", [dropped_away, dropped_slow].map(format.count).join(" · ")],
  ];
}

function joinRows(node) {
  if (node.join === undefined) return [];
  const { by, sets, partial, spread_p50, spread_p99, wait_p50, wait_p99, parents } = node.join;
  return [
    [`sets, joined by ${by}`, format.count(sets)],
    ["partial sets", format.count(partial)],
    ["spread of a set, median / 99th percentile", format.range(spread_p50, spread_p99)],
    ["wait for a set, median / 99th percentile", format.range(wait_p50, wait_p99)],
    ...parents.map((one) => [`joins ${one.parent}`, joinParentText(node.join, one)]),
  ];
}

const title = (item) => (item.parent !== undefined ? `${item.parent} → ${item.child}` : item.name);

const causeRows = (item) =>
  Object.entries(item.drops).map(([cause, number]) => [
    `${cause}: ${word(CAUSES, cause)}`,
    `${format.count(number)} · ${format.rate(item.drop_rate[cause] ?? 0)}/s`,
  ]);

function edgeRows(edge, period) {
  return [
    ["throughput now", `${format.rate(edge.rate)} /s`],
    ["age, median", `${format.time(edge.age_p50)} · ${period}`],
    ["age, 99th percentile", `${format.time(edge.age_p99)} · ${period}`],
    ["passed in", format.count(edge.passed_in)],
    ["delivered", format.count(edge.delivered)],
    ["waiting now", format.count(edge.waiting)],
    ["dropped", format.count(edge.dropped)],
    ["of these lost, not skipped by design", format.count(edge.lost)],
    ...causeRows(edge),
  ];
}

function nodeRows(node, problems, period) {
  const python = [
    ["waited for the GIL", `${format.time(node.gil_wait)} · ${format.percent(node.gil_wait_rate)} now`],
    ["held the GIL", `${format.time(node.gil_hold)} · ${format.percent(node.gil_hold_rate)} now`],
  ];
  return [
    ["state", stateBeside(problems, stateOf(node), stateText(node))],
    ["the thread now", node.state.replaceAll("_", " ")],
    ["rate", `${format.rate(node.rate)} fps`],
    ["processed", format.count(node.processed)],
    ["busy, of the run", format.percent(node.busy)],
    ["time per sample, median", `${format.time(node.duration_p50)} · ${period}`],
    ["time per sample, 99th percentile", `${format.time(node.duration_p99)} · ${period}`],
    ...(node.language === "python" ? python : []),
    ...inferenceRows(node),
    ...spoolRows(node),
    ...publishRows(node),
    ...batchRows(node),
    ...joinRows(node),
    ...(node.workers ?? []).map((worker, index) => [`worker ${index + 1}`, workerText(worker)]),
    ...tickRows(node),
    ["errors", format.count(node.errors)],
    ["lost in the node itself", format.count(node.lost)],
    ...causeRows(node),
  ];
}

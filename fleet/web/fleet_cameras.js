// The table of cameras: searched, sorted, and only the rows that can be seen, so that thousands are as little work as ten.
// SPDX-License-Identifier: Apache-2.0

import { attribute, byId, el, text } from "./dom.js";
import * as format from "./format.js";

const ROW = 32; // pixels, the same as in fleet.css
const MORE = 6; // rows above and below the visible ones
const STATES = ["running", "waiting", "starting", "closing", "away", "unplaced", "failed", "ended"];
export const BROKEN = ["away", "unplaced", "failed"]; // states of a camera that should deliver results but does not
const TONE = {
  running: "ok",
  waiting: "starting",
  starting: "starting",
  closing: "closing",
  away: "failed",
  unplaced: "failed",
  failed: "failed",
  ended: "ended",
};

// Each column has a function for the string to show, and one for the key to sort by.
const COLUMNS = [
  { key: "name", title: "Camera", show: (camera) => camera.name, by: (camera) => camera.name },
  { key: "state", title: "State", show: (camera) => camera.state, by: (camera) => STATES.indexOf(camera.state) },
  { key: "agent", title: "Agent", show: (camera) => camera.agent ?? "–", by: (camera) => camera.agent ?? "" },
  { key: "rate", title: "Results/s", num: true, show: (camera) => format.rate(camera.rate), by: (camera) => camera.rate ?? -1 },
  { key: "result_age", title: "Age", num: true, show: (camera) => format.time(camera.result_age), by: (camera) => camera.result_age ?? -1 },
  { key: "dropped", title: "Lost", num: true, show: (camera) => format.count(camera.dropped), by: (camera) => camera.dropped ?? -1 },
  { key: "starts", title: "Starts", num: true, show: (camera) => format.count(camera.starts), by: (camera) => camera.starts },
  { key: "epoch", title: "Epoch", num: true, show: (camera) => epochText(camera.epoch), by: (camera) => countOf(camera.epoch) },
  { key: "state_for", title: "In state for", num: true, show: (camera) => format.duration(camera.state_for), by: (camera) => camera.state_for },
  { key: "reason", title: "Reason", show: (camera) => camera.reason || camera.url, by: (camera) => camera.reason },
];

// "START.COUNT": the whole number has more digits than JavaScript's numbers. START is the fleet's own start.
const countOf = (epoch) => Number(epoch.split(".")[1] ?? 0);
const epochText = (epoch) => (epoch === "" ? "–" : format.count(countOf(epoch)));

export class Cameras {
  agent = null; // the agent whose cameras are shown; null: all
  rate = null; // results per second of all cameras
  #all = [];
  #shown = [];
  #before = new Map(); // by name: the previous counts, to compute results per second
  #sort = { key: "name", down: false };
  #rows = [];
  #scroller = byId("scroller");

  constructor() {
    const state = byId("state");
    for (const name of STATES) state.append(el("option", { value: name }, name));
    for (const [id, event] of [["search", "input"], ["state", "change"]]) {
      byId(id).addEventListener(event, () => this.#select());
    }
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("problems-only").addEventListener("click", ({ target }) => {
      attribute(target, "aria-pressed", target.getAttribute("aria-pressed") !== "true");
      this.#select();
    });
    this.#scroller.addEventListener("scroll", () => this.#draw(), { passive: true });
    addEventListener("resize", () => this.#draw());
    for (const column of COLUMNS) byId("columns").append(this.#head(column));
  }

  update(state) {
    this.#all = Object.values(state.cameras);
    const now = performance.now() / 1000;
    const seen = new Map();
    for (const camera of this.#all) {
      const before = this.#before.get(camera.name);
      const same = before && before.epoch === camera.epoch;
      camera.rate = same ? (camera.results - before.results) / (now - before.at) : null;
      // A camera that has just started has a rate only from its second state on.
      seen.set(camera.name, { epoch: camera.epoch, results: camera.results, at: now });
    }
    this.#before = seen;
    this.rate = this.#all.some((camera) => camera.rate !== null) ? format.sum(this.#all.map((camera) => camera.rate)) : null;
    if (this.agent !== null && !(this.agent in state.agents)) this.agent = null;
    this.#select();
  }

  choose(agent) {
    this.agent = this.agent === agent ? null : agent;
    for (const card of document.querySelectorAll("[data-agent] button")) {
      attribute(card, "aria-pressed", String(card.textContent === this.agent));
    }
    this.#select();
  }

  #head(column) {
    const button = el("button", { type: "button", onclick: () => this.#sortBy(column.key) }, column.title);
    return el("span", { role: "columnheader", class: column.num ? "num" : null, "data-column": column.key }, button);
  }

  #sortBy(key) {
    const numeric = COLUMNS.find((column) => column.key === key).num === true;
    this.#sort = { key, down: this.#sort.key === key ? !this.#sort.down : numeric };
    this.#select();
  }

  #select() {
    const words = byId("search").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const state = byId("state").value;
    const problems = byId("problems-only").getAttribute("aria-pressed") === "true";
    this.#shown = this.#all.filter((camera) => {
      if (this.agent !== null && camera.agent !== this.agent) return false;
      if (state !== "" && camera.state !== state) return false;
      if (problems && !BROKEN.includes(camera.state)) return false;
      const about = `${camera.name} ${camera.url} ${camera.reason} ${camera.agent ?? ""}`.toLowerCase();
      return words.every((word) => about.includes(word));
    });
    const { by } = COLUMNS.find((column) => column.key === this.#sort.key);
    const order = this.#sort.down ? -1 : 1;
    const names = new Intl.Collator("en", { numeric: true });
    const compare = (left, right) => (typeof left === "string" ? names.compare(left, right) : left - right);
    this.#shown.sort((left, right) => order * compare(by(left), by(right)) || names.compare(left.name, right.name));
    for (const head of byId("columns").children) {
      const own = head.dataset.column === this.#sort.key;
      attribute(head, "aria-sort", own ? (this.#sort.down ? "descending" : "ascending") : null);
    }
    const filtered = this.#shown.length < this.#all.length;
    const of = filtered ? `${format.count(this.#shown.length)} of ` : "";
    text(byId("cameras-hint"), `${of}${format.count(this.#all.length)}${this.agent ? `, at ${this.agent}` : ""}`);
    this.#draw();
  }

  // Rows are created once, one for each visible place, and are refilled when the table is scrolled.
  #draw() {
    const rows = byId("rows");
    rows.style.blockSize = `${Math.max(1, this.#shown.length) * ROW}px`;
    const first = Math.max(0, Math.floor(this.#scroller.scrollTop / ROW) - MORE);
    const count = Math.ceil(this.#scroller.clientHeight / ROW) + 2 * MORE;
    const visible = this.#shown.slice(first, first + count);
    while (this.#rows.length < visible.length) {
      const row = new Row();
      this.#rows.push(row);
      rows.append(row.element);
    }
    this.#rows.forEach((row, place) => row.show(visible[place], first + place));
    attribute(byId("table"), "aria-rowcount", this.#shown.length + 1);
  }
}

class Row {
  constructor() {
    this.cells = COLUMNS.map((column) => el("span", { role: "cell", class: column.num ? "num" : null }));
    this.element = el("div", { class: "row", role: "row" }, ...this.cells);
  }

  show(camera, place) {
    this.element.hidden = camera === undefined;
    if (camera === undefined) return;
    this.element.style.transform = `translateY(${place * ROW}px)`;
    attribute(this.element, "aria-rowindex", place + 2);
    attribute(this.element, "data-camera", camera.name);
    attribute(this.element, "data-state", TONE[camera.state]);
    COLUMNS.forEach((column, index) => {
      const shown = column.show(camera);
      text(this.cells[index], shown);
      attribute(this.cells[index], "title", column.num ? null : shown);
    });
  }
}

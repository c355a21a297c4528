// Shows who held the GIL for long, and how much image memory is in use.
// SPDX-License-Identifier: Apache-2.0

import { byId, el, fact, text } from "./dom.js";
import * as format from "./format.js";

const UNBOUNDED = 2 ** 30; // before the pipeline starts
const COLUMNS = ["holder", "times", "total", "longest", "median"];

export class Gil {
  #key = "";

  constructor() {
    const list = byId("gil-facts");
    this.wait = fact(list, "waited", "seconds that Python nodes waited for the GIL, in total");
    this.hold = fact(list, "held", "seconds that Python nodes held the GIL, in total");
    this.stalls = fact(list, "stalls", "number of stalls of the GIL that the watch has found, and their total length");
    this.frames = fact(list, "frames", "frames that the engine holds / may hold");
    this.idle = fact(list, "idle memory", "bytes kept for reuse");
    this.python = fact(list, "held by Python", "image memory that only Python holds");
  }

  update(state) {
    const { gil, pool } = state;
    text(this.wait, format.time(gil.wait));
    text(this.hold, format.time(gil.hold));
    text(
      this.stalls,
      gil.watching ? `${format.count(gil.stalls)} · ${format.time(gil.stalled_total)}` : "not watched",
    );
    const most = pool.bound < UNBOUNDED ? ` / ${format.count(pool.bound)}` : "";
    text(this.frames, format.count(pool.in_use) + most);
    text(this.idle, format.bytes(pool.idle_bytes));
    text(this.python, format.bytes(state.held_bytes));
    text(byId("gil-hint"), gil.watching ? "the watch is on" : "ff.gil.watch() names the calls that hold the GIL");
    const key = JSON.stringify(gil.culprits ?? []);
    if (key === this.#key) return;
    this.#key = key;
    byId("culprits").replaceChildren(...((gil.culprits ?? []).length > 0 ? [table(gil.culprits)] : []));
  }
}

function table(culprits) {
  const head = el("tr", {}, ...COLUMNS.map((name) => el("th", { scope: "col" }, name)));
  const rows = culprits.map((culprit) =>
    el(
      "tr",
      {},
      el(
        "td",
        {},
        el("b", {}, culprit.native ?? culprit.python ?? "unknown"),
        culprit.native && culprit.python ? el("small", {}, culprit.python) : null,
        culprit.program && culprit.program !== culprit.python
          ? el("small", {}, `from ${culprit.program}`)
          : null,
      ),
      ...[
        format.count(culprit.count),
        format.time(culprit.total),
        format.time(culprit.max),
        format.time(culprit.p50),
      ].map((value) => el("td", { class: "num" }, value)),
    ),
  );
  return el("table", { class: "culprits" }, el("thead", {}, head), el("tbody", {}, ...rows));
}

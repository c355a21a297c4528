// The top of the page: the pipeline's state, its main figures, and whether the page is up to date.
// SPDX-License-Identifier: Apache-2.0

import { attribute, byId, el, fact, text } from "./dom.js";
import * as format from "./format.js";
import { PERIOD, isSettling } from "./words.js";

const PHASES = {
  created: "not started",
  starting: "starting",
  running: "running",
  ended: "ended",
  stopped: "stopped",
  failed: "failed",
};

const FROZEN = 0.2; // seconds; shorter stalls are shown as events and culprits only

// Samples lost per second, and samples dropped per second by design.
function drops(state) {
  const lost = format.sum([...state.nodes, ...state.edges].map((each) => each.lost_rate));
  const dropped = format.sum(state.edges.flatMap((edge) => Object.values(edge.drop_rate)));
  return { lost, skipped: dropped - format.sum(state.edges.map((edge) => edge.lost_rate)) };
}

// A message across the full width of the page.
class Banner {
  constructor(kind, role) {
    this.title = el("strong", { role }); // read out once by screen readers; the text next to it changes
    this.line = el("span", { class: "num" });
    this.more = el("pre", { hidden: true, tabindex: "0", "aria-label": "traceback" });
    this.element = el(
      "div",
      { class: "banner", "data-kind": kind, hidden: true },
      el("p", {}, this.title, " ", this.line),
      this.more,
    );
    byId("banners").append(this.element);
  }

  show(title, line = "", more = "") {
    text(this.title, title);
    text(this.line, line);
    text(this.more, more);
    this.more.hidden = more === "";
    this.element.hidden = false;
  }

  hide() {
    this.element.hidden = true;
  }
}

export class Status {
  #lost = new Banner("lost", "alert");
  #failed = new Banner("failed", "alert");
  #over = new Banner("over", "status");
  #frozen = new Banner("frozen", "status");
  #link = "none";
  #last = 0;
  #retry = 0;
  #state = null;

  constructor() {
    const list = byId("facts");
    this.sources = fact(list, "in", "frames per second from all sources");
    this.lost = fact(list, "lost", "samples per second lost: in nodes, and on queues that should keep them");
    this.skipped = fact(list, "skipped", "samples per second that LATEST and NEXT skip by design");
    this.age = fact(list, "highest age", `age of the frames that the named consumer receives: 99th percentile, ${PERIOD}`);
    this.oldest = el("dd", { class: "where" });
    this.age.after(this.oldest);
    this.gil = fact(list, "GIL wait", "seconds per second that Python nodes wait for the GIL");
    this.viewers = fact(list, "viewers", "number of pages that show this pipeline");
    setInterval(() => this.#tellLink(), 500);
  }

  update(state) {
    this.#state = state;
    this.#last = performance.now();
    text(byId("name"), state.name);
    text(byId("version"), `freshframe ${state.version}`);
    text(byId("uptime"), format.duration(state.elapsed));
    this.#phase();
    const edges = state.edges.filter((edge) => edge.delivered > 0);
    const { lost, skipped } = drops(state);
    text(
      this.sources,
      `${format.rate(format.sum(state.nodes.filter((node) => node.kind === "source" && !node.packets_of).map((node) => node.rate)))} fps`,
    );
    text(this.lost, `${format.rate(lost)} /s`);
    this.lost.parentElement.classList.toggle("bad", lost > 0 && !isSettling(state));
    text(this.skipped, `${format.rate(skipped)} /s`);
    const oldest = edges.reduce((a, b) => ((b.age_p99 ?? 0) > (a?.age_p99 ?? -1) ? b : a), null);
    text(this.age, oldest === null ? format.NONE : format.time(oldest.age_p99 ?? 0));
    text(this.oldest, oldest === null ? "" : `at ${oldest.child}`);
    attribute(this.oldest, "title", oldest === null ? null : oldest.child);
    const waits = state.nodes
      .map((node) => node.gil_wait_rate)
      .filter((rate) => rate !== null && rate !== undefined);
    // A wait is counted when it ends, so the current one comes from the watch.
    const frozen = (state.gil.stalled_for ?? 0) >= FROZEN;
    text(
      this.gil,
      frozen
        ? `since ${format.time(state.gil.stalled_for)}`
        : waits.length > 0
          ? format.percent(format.sum(waits))
          : "–",
    );
    const held = (state.problems ?? []).some(({ kind }) => kind === "gil");
    this.gil.parentElement.classList.toggle("bad", frozen || held);
    text(this.viewers, format.count(state.viewers));
    this.#tellEnd(state);
    this.#tellFrozen(state.gil);
  }

  link({ state, retry }) {
    this.#link = state;
    this.#retry = performance.now() + retry * 1000;
    document.body.classList.toggle("stale", state !== "open" && this.#state !== null);
    if (state === "open") byId("announce").textContent = "";
    this.#tellLink();
    this.#phase();
  }

  #phase() {
    const pill = byId("phase");
    const live = this.#link === "open" || this.#link === "none";
    const phase = !live ? "lost" : (this.#state?.phase ?? "none");
    const problems = live && phase === "running" ? (this.#state.problems ?? []).length : 0;
    pill.dataset.state = problems > 0 ? "problem" : phase;
    const count = problems === 0 ? "" : ` · ${problems} ${problems === 1 ? "problem" : "problems"}`;
    text(pill, !live ? "not connected" : `${PHASES[phase] ?? "connecting"}${count}`);
    document.title = this.#state === null ? "freshframe" : `${pill.textContent} · ${this.#state.name}`;
  }

  #tellLink() {
    if (this.#link === "open" || this.#link === "none") {
      this.#lost.hide();
      return;
    }
    const old =
      this.#last === 0
        ? ""
        : `The numbers below are ${format.duration((performance.now() - this.#last) / 1000)} old. `;
    const wait = Math.max(0, Math.ceil((this.#retry - performance.now()) / 1000));
    if (this.#link === "refused") {
      this.#lost.show(
        "The server rejected this page.",
        "It needs a token: open the URL that the program printed, or reload the page.",
      );
    } else if (this.#link === "silent") {
      this.#lost.show("No message from the server.", `${old}The connection is open. Waiting.`);
    } else {
      this.#lost.show("Connection lost.", `${old}Trying again${wait > 0 ? ` in ${wait} s` : " now"}.`);
    }
  }

  #tellEnd(state) {
    const { error, phase } = state;
    if (phase === "failed" || error) {
      this.#over.hide();
      const where = error?.node ? `Node '${error.node}' failed.` : "The pipeline failed.";
      this.#failed.show(where, error?.message ?? "", error?.traceback ?? "");
      return;
    }
    this.#failed.hide();
    if (phase === "ended")
      this.#over.show(
        "The pipeline has ended.",
        "Every source has ended. These are the final numbers.",
      );
    else if (phase === "stopped")
      this.#over.show("The pipeline was stopped.", "These are the final numbers.");
    else this.#over.hide();
  }

  #tellFrozen({ stalled_for: seconds, stalled_by: by }) {
    if (typeof seconds !== "number" || seconds < FROZEN) {
      this.#frozen.hide();
      return;
    }
    const who = by?.native ?? by?.python ?? by?.thread ?? "An unknown thread";
    const place = by?.native && by.python ? `, called at ${by.python},` : "";
    this.#frozen.show(
      "Python is frozen.",
      `${who}${place} has held the GIL for ${format.time(seconds)}. Native nodes continue.`,
    );
  }
}

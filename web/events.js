// Events, newest first, and a timeline of the last five minutes.
// SPDX-License-Identifier: Apache-2.0

import { attribute, byId, el, svg, text } from "./dom.js";
import * as format from "./format.js";
import { EVENTS, word } from "./words.js";

const SPAN = 300; // seconds on the timeline
const READ_OUT = new Set(["error", "loss", "outage", "reconnect", "stall", "end"]);

// Drops by design are on the cards of the edges.
const eventsOf = (state) => state.events.filter(({ kind }) => kind !== "drop");

export class Events {
  #seen = 0;
  #newest = "";
  #list = byId("event-list");
  #marks = svg("svg", { viewBox: `0 0 ${SPAN} 24`, preserveAspectRatio: "none", "aria-hidden": "true" });

  constructor() {
    byId("strip").append(this.#marks, el("span", {}, "5 min ago"), el("span", {}, "now"));
  }

  update(state, ticked) {
    const events = eventsOf(state);
    const key = `${state.name} ${events.length} ${events.at(-1)?.id ?? 0}`;
    if (key !== this.#newest) {
      const restarted = (events.at(-1)?.id ?? 0) < this.#seen;
      this.#readOut(restarted ? [] : events.filter((event) => event.id > this.#seen));
      this.#newest = key;
      this.#seen = events.at(-1)?.id ?? 0;
      this.#list.replaceChildren(...[...events].reverse().map(line));
      text(byId("events-hint"), events.length === 0 ? "nothing yet" : `the last ${events.length}`);
      this.#strip(state, events);
    } else if (ticked) {
      this.#strip(state, events);
    }
  }

  #strip(state, events) {
    const marks = events
      .filter((event) => state.time - event.time < SPAN)
      .map((event) => {
        const x = SPAN - (state.time - event.time);
        const start = Math.max(0, SPAN - (state.time - (event.first ?? event.time)));
        return svg("rect", {
          x: (start - 0.8).toFixed(1),
          y: 2,
          width: (x - start + 1.6).toFixed(1),
          height: 20,
          rx: 0.8,
          "data-kind": event.kind,
          class: event.count > 1 ? "repeated" : null,
        });
      });
    this.#marks.replaceChildren(...marks);
  }

  #readOut(events) {
    const important = events.filter((event) => READ_OUT.has(event.kind)).at(-1);
    if (important && this.#seen > 0)
      text(byId("announce"), `${word(EVENTS, important.kind)}: ${important.subject}: ${important.text}`);
  }
}

function line(event) {
  // The text of an error is a traceback; its last line contains the error.
  const lines = event.text.trimEnd().split("\n");
  const [sentence, rest] = lines.length > 1 ? [lines.at(-1), event.text] : [event.text, ""];
  const item = el(
    "li",
    { "data-kind": event.kind },
    el(
      "time",
      { class: "num", datetime: new Date(event.time * 1000).toISOString() },
      format.clock(event.time),
    ),
    el("span", { class: "kind" }, word(EVENTS, event.kind)),
    el(
      "span",
      { class: "what" },
      el("b", {}, event.subject.replaceAll("->", " → ")),
      " ",
      event.count > 1
        ? el("span", { class: "times num" }, `${format.count(event.count)}×, since ${format.clock(event.first)} `)
        : null,
      sentence,
      rest === "" ? null : el("details", {}, el("summary", {}, "traceback"), el("pre", { tabindex: "0", "aria-label": "traceback" }, event.text)),
    ),
  );
  attribute(item, "data-id", event.id);
  return item;
}

// Current problems: a line for each below the header, and a mark on its card.
// SPDX-License-Identifier: Apache-2.0

import { byId, el, text } from "./dom.js";

const SHOWN = 4; // lines shown at first
const TITLES = {
  away: "source away",
  frozen: "is frozen",
  setting: "setting refused",
  decoder: "not on the GPU",
  card: "GPU full",
  clock: "clock off",
  pace: "wrong timestamps",
  error: "error",
  gil: "GIL",
  loss: "frames lost",
  join: "no sets",
  stall: "stalled",
  spool: "not sent",
  unread: "not read",
  worker: "workers die",
  blocked: "blocked",
  stale: "too old",
  queue: "deep queue",
  batch: "batches wait",
  gil_wait: "waits for GIL",
  processors: "processors full",
  bursts: "bursts",
};

const STATES = {
  clock: "clock off",
  error: "errors",
  gil: "holds the GIL",
  loss: "loses frames",
  join: "makes no sets",
  stall: "stalled",
  spool: "cannot send",
};

// Problems by subject: a node's name, or "parent->child".
export function bySubject(problems) {
  const found = new Map();
  for (const problem of problems ?? []) {
    found.set(problem.subject, [...(found.get(problem.subject) ?? []), problem]);
  }
  return (subject) => found.get(subject) ?? [];
}

// The state to show on a card: "ok" next to a problem would be wrong.
export function stateBeside(alarms, state, otherwise) {
  const told = ["ok", "full", "busy", "idle"].includes(state) ? STATES[alarms[0]?.kind] : undefined;
  return told ?? otherwise;
}

// A finding also contains advice.
const wordsOf = ({ text: words, remedy }) => (remedy ? `${words} ${remedy}` : words);

export const textsOf = (alarms) => alarms.map(wordsOf);

export class Problems {
  #lines = [];
  #key = "";
  #choose;
  #list = byId("problems");
  #more = el("button", { type: "button", class: "more", onclick: () => this.#toggle() });

  // `choose(subject)`: shows the card's details.
  constructor(choose) {
    this.#choose = choose;
  }

  update(state) {
    const problems = state.problems ?? [];
    this.#list.hidden = problems.length === 0;
    const key = problems.map(({ kind, subject }) => `${kind} ${subject}`).join("\n");
    if (key !== this.#key) this.#build(problems, key);
    problems.forEach((problem, index) => text(this.#lines[index].words, wordsOf(problem)));
  }

  #build(problems, key) {
    this.#key = key;
    this.#lines = problems.map((problem, index) => {
      const words = el("span", { class: "words" });
      const subject = problem.subject.replaceAll("->", " → ");
      const line = el(
        "li",
        { "data-kind": problem.kind, class: index >= SHOWN ? "rest" : null },
        el("span", { class: "kind" }, TITLES[problem.kind] ?? problem.kind),
        el("button", { type: "button", onclick: () => this.#choose(problem.subject) }, subject),
        words,
      );
      return { line, words };
    });
    const hidden = problems.length - SHOWN;
    text(this.#more, hidden > 0 ? `and ${hidden} more` : "");
    this.#list.replaceChildren(
      ...this.#lines.map(({ line }) => line),
      ...(hidden > 0 ? [el("li", {}, this.#more)] : []),
    );
  }

  #toggle() {
    const open = this.#list.classList.toggle("open");
    text(this.#more, open ? "show fewer" : `and ${this.#lines.length - SHOWN} more`);
  }
}

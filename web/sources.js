// The connection history of each video source: one line per source, worst first.
// SPDX-License-Identifier: Apache-2.0

import { byId, el, text } from "./dom.js";
import * as format from "./format.js";
import { STATES, word } from "./words.js";

const COLUMNS = [
  ["source", "", ""],
  ["state", "", ""],
  ["rate", "num", "frames per second"],
  ["outages", "num", "number of outages, and their total length"],
  ["returns", "num", "outages that ended"],
  ["stalls", "num", "number of times without data on an open connection"],
  ["behind", "num", "time by which frames arrive later than the earliest ones did, or the last frame of a file with realtime=True was late"],
  ["pace", "num", "seconds of the camera's timestamps per second, where it is not 1: ages follow the arrivals"],
  ["clock", "num", "the camera's clock minus this machine's, its drift, and the reports that say so"],
  ["delay", "num", "frames that the decoder held back"],
  ["decoder", "", "the GPU that decodes, or why it does not"],
  ["sender", "", "the browser that sends the camera, and the frames that it did not send"],
  ["packets lost", "num", "RTP packets that did not arrive, and the jitter of those that did"],
  ["lost", "num", "frames that were not read in time, or that the decoder lost"],
];

// "+12 ms · 3 ppm · 12 reports"
function clockText(source) {
  if (source.clock_offset == null) return format.time(null);
  const sign = source.clock_offset < 0 ? "-" : "+";
  const parts = [sign + format.time(Math.abs(source.clock_offset))];
  if (source.clock_reports > 2) parts.push(`${Math.round(source.clock_drift_ppm)} ppm`);
  parts.push(`${format.count(source.clock_reports)} reports`);
  return parts.join(" · ");
}

// Nothing for a camera whose timestamps match real time.
function paceText(source) {
  const pace = source.pace ?? 1;
  return Math.abs(pace - 1) < 0.005 ? format.NONE : pace.toFixed(2);
}

// Nothing for a source that is not decoded on a GPU.
function decoderText(source) {
  if (source.decoder_reason) return `${source.decoder}: ${source.decoder_reason}`;
  return !source.decoder || source.decoder === "cpu" ? format.NONE : source.decoder;
}

// "Chromium 156 · h264 1280x720 · 12 skipped". Nothing for a source that no browser sends.
function senderText({ sender }) {
  if (!sender?.codec) return format.NONE;
  const skipped = sender.skipped_link + sender.skipped_encoder;
  const parts = [sender.browser, `${sender.codec} ${sender.width}x${sender.height}`];
  return [...parts, `${format.count(skipped)} skipped`, sender.hidden && "hidden"].filter(Boolean).join(" · ");
}

class SourceRow {
  constructor(node) {
    this.cells = COLUMNS.slice(1).map(([, kind]) => el("td", { class: kind || "state" }));
    this.error = el("small", { hidden: true });
    this.element = el(
      "tr",
      { class: "source", "data-node": node.name },
      el("td", {}, el("span", { class: "dot", "aria-hidden": "true" }), " ", el("b", {}, node.name), this.error),
      ...this.cells,
    );
  }

  update(node) {
    const { source } = node;
    const away = typeof source.away_for === "number";
    this.element.dataset.state = away ? "away" : source.frozen ? "frozen" : source.state;
    [
      away
        ? `${word(STATES, source.state)}, away ${format.time(source.away_for)}`
        : source.frozen
          ? `${word(STATES, source.frozen)} ${format.time(source.frozen_for)}`
          : word(STATES, node.recorded ? "recorded" : node.undecoded ? "undecoded" : source.state),
      `${format.rate(node.rate)} fps`,
      source.outages === 0 ? "0" : `${format.count(source.outages)} · ${format.time(source.away_total)}`,
      format.count(source.reconnects),
      format.count(source.stalls),
      format.time(source.behind),
      paceText(source),
      clockText(source),
      format.count(source.decoder_frames),
      decoderText(source),
      senderText(source),
      source.packets ? `${format.count(source.packets_lost)} · ${format.time(source.jitter)}` : format.count(null),
      format.count(node.lost),
    ].forEach((value, index) => text(this.cells[index], value));
    this.error.hidden = !source.last_error;
    text(this.error, source.last_error ? `last outage: ${source.last_error}` : "");
  }
}

export class Sources {
  #rows = new Map();
  #heads = []; // of the columns after the name

  update(state) {
    const sources = state.nodes.filter((node) => node.source);
    byId("sources").hidden = sources.length === 0;
    const names = sources.map((node) => node.name);
    if (names.join("\n") !== [...this.#rows.keys()].join("\n")) {
      this.#rows = new Map(sources.map((node) => [node.name, new SourceRow(node)]));
      const head = COLUMNS.map(([name, kind, title]) => el("th", { scope: "col", class: kind, title: title || null }, name));
      this.#heads = head.slice(1);
      byId("source-list").replaceChildren(
        el(
          "table",
          { class: "source-table" },
          el("thead", {}, el("tr", {}, ...head)),
          el("tbody", {}, ...[...this.#rows.values()].map((row) => row.element)),
        ),
      );
    }
    for (const node of sources) this.#rows.get(node.name).update(node);
    // Empty columns are hidden, to leave room for the others.
    this.#heads.forEach((head, column) => {
      const cells = [...this.#rows.values()].map((row) => row.cells[column]);
      const none = cells.every((cell) => cell.textContent === format.NONE);
      for (const cell of [head, ...cells]) cell.hidden = none;
    });
  }
}

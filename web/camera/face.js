// The elements of a page that sends a camera: its image, a sentence, buttons, the choice of a camera, and ways to a secure page.
// SPDX-License-Identifier: Apache-2.0

import { attribute, el, text } from "../dom.js";
import { STATES, sentenceOf, waysTo } from "./words.js";

const STYLE = `
:host { display: block; color-scheme: light dark; --text: #16202b; --dim: #56657a; --bar: #eef2f6; --line: #b9c4d0;
  --good: #0a7d33; --bad: #b3261e; font: 15px/1.45 system-ui, sans-serif; color: var(--text); }
:host([hidden]) { display: none; }
@media (prefers-color-scheme: dark) {
  :host { --text: #e8eef4; --dim: #a3b0be; --bar: #161e27; --line: #3a4858; --good: #6fdc8c; --bad: #ffb4ab; }
}
video { display: block; width: 100%; max-height: 80vh; background: #000; }
.bar { display: flex; flex-wrap: wrap; gap: 6px 12px; align-items: center; padding: 8px; background: var(--bar); }
.status { margin: 0; flex: 1 1 14em; min-width: 0; overflow-wrap: anywhere; }
.bar[data-state="live"] .words { color: var(--good); font-weight: 600; }
.bar[data-problem] .words { color: var(--bad); font-weight: 600; }
.numbers { display: block; color: var(--dim); font-size: 13px; font-variant-numeric: tabular-nums; }
button, select { font: inherit; color: inherit; background: transparent; border: 1px solid var(--line);
  border-radius: 6px; padding: 6px 14px; min-height: 36px; cursor: pointer; max-width: 100%; }
button.main { background: #0b5cad; border-color: #0b5cad; color: #fff; }
:focus-visible { outline: 2px solid #5eb1ff; outline-offset: 2px; }
.ways { overflow-x: auto; padding: 0 8px 8px; background: var(--bar); }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; vertical-align: top; padding: 6px 8px 6px 0; border-top: 1px solid var(--line); }
code { font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
a { color: inherit; }
[hidden] { display: none; }`;

const QUIET = ["idle", "stopped", "connecting", "asking", "live"];

function numbersOf({ size, codec, bitrate, round_trip: trip, sent, skipped_link: link, skipped_encoder: encoder, hidden }) {
  if (size === undefined) return "";
  const parts = [size.join("x"), codec.split(".")[0].replace("avc1", "h264"), `${(bitrate / 1e6).toFixed(1)} Mbit/s`];
  parts.push(`round trip ${Math.round(trip * 1000)} ms`, `${sent} sent`);
  if (link > 0) parts.push(`${link} skipped for the connection`);
  if (encoder > 0) parts.push(`${encoder} skipped for the encoder`);
  if (hidden) parts.push("hidden");
  return parts.join(" · ");
}

function tableOfWays() {
  const local = new URL(location.href);
  local.hostname = "localhost";
  const rows = waysTo(location).map(([where, command, open]) =>
    el(
      "tr",
      {},
      el("td", {}, where),
      el("td", {}, command === "" ? "nothing" : el("code", {}, command)),
      el("td", {}, open.includes("localhost") ? el("a", { href: local.href }, open) : open),
    ),
  );
  const heads = ["the browser is", "run", "then open"].map((head) => el("th", { scope: "col" }, head));
  const note = "For an address that is not localhost, the program also needs origins=[...] with that address in serve().";
  return [
    el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows)),
    el("p", {}, note),
  ];
}

export class Face {
  // `on.button()`: the button of the state. `on.stop()`, `on.pick(deviceId)`. `view`: an element that shows the result,
  // or null for the camera's own image.
  constructor(root, on, view) {
    this.video = view === null ? el("video", { part: "picture", playsinline: true, "aria-label": "Your camera" }) : null;
    if (this.video !== null) this.video.muted = true;
    this.words = el("span", { class: "words" });
    this.numbers = el("span", { class: "numbers" });
    const status = el("p", { class: "status", role: "status" }, this.words, this.numbers);
    this.choice = el("select", { "aria-label": "Camera", hidden: true, onchange: () => on.pick(this.choice.value) });
    this.button = el("button", { type: "button", class: "main", onclick: on.button });
    this.off = el("button", { type: "button", onclick: on.stop }, "Stop");
    this.bar = el("div", { class: "bar", part: "bar" }, status, this.choice, this.button, this.off);
    this.ways = el("div", { class: "ways", hidden: true });
    root.replaceChildren(this.bar, this.ways, view ?? this.video);
    const style = new CSSStyleSheet();
    style.replaceSync(STYLE);
    root.adoptedStyleSheets = [style];
  }

  tell({ state, detail, report, track }) {
    const known = STATES[state];
    attribute(this.bar, "data-state", state);
    attribute(this.bar, "data-problem", QUIET.includes(state) ? null : "");
    text(this.words, sentenceOf({ state, detail }));
    text(this.numbers, state === "live" ? numbersOf(report) : "");
    this.button.hidden = known.button === undefined;
    text(this.button, known.button ?? "");
    this.off.hidden = track === null;
    this.#preview(track);
    if (state === "insecure" && this.ways.hidden) this.ways.replaceChildren(...tableOfWays());
    this.ways.hidden = state !== "insecure";
  }

  #preview(track) {
    if (this.video === null) return;
    this.video.hidden = track === null;
    const shown = this.video.srcObject?.getVideoTracks()[0] ?? null;
    if (shown === track) return;
    this.video.srcObject = track === null ? null : new MediaStream([track]);
    if (track !== null) this.video.play().catch(() => {}); // stopped before it started
  }

  // Offers the cameras of the device, if there are several.
  offer(devices, chosen) {
    const options = devices.map(({ deviceId, label }, at) => el("option", { value: deviceId }, label || `camera ${at + 1}`));
    this.choice.replaceChildren(...options);
    this.choice.hidden = devices.length < 2;
    if (chosen) this.choice.value = chosen;
  }
}

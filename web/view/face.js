// The elements of a view besides its image: age and mode, a notice, buttons, and a list of objects for the keyboard.
// SPDX-License-Identifier: Apache-2.0

import { attribute, el, text } from "../dom.js";

const LISTED = 500; // ms between updates of the list of objects
const LABELLED = 5000; // ms between updates of the image's label
const MODES = { webcodecs: "sent as video", mse: "sent as video", jpeg: "sent as JPEG images" };
export const ZOOM = 3;
const STYLE = `
:host { display: block; color-scheme: light dark; --text: #16202b; --dim: #56657a; --bar: #eef2f6; --line: #b9c4d0;
  font: 13px/1.4 system-ui, sans-serif; color: var(--text); }
:host([hidden]) { display: none; }
@media (prefers-color-scheme: dark) {
  :host { --text: #e8eef4; --dim: #a3b0be; --bar: #161e27; --line: #3a4858; }
}
.stage { position: relative; background: #000; overflow: hidden; }
canvas { display: block; width: 100%; height: auto; object-fit: contain; cursor: crosshair; }
.pan { overflow: auto; }
.pan:focus-visible { outline-offset: -2px; }
.pan[data-zoomed] canvas { width: var(--zoomed); max-height: none !important; margin-inline: auto; }
.stage[data-old] canvas { opacity: 0.45; filter: saturate(0.4); }
.notice { position: absolute; left: 8px; right: 8px; top: 8px; margin: 0; padding: 6px 10px; width: fit-content;
  max-width: calc(100% - 36px); background: #10161d; color: #fff; border: 1px solid #fff6; border-radius: 6px;
  overflow-wrap: anywhere; }
.bar { display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: center; padding: 5px 8px; background: var(--bar);
  font-variant-numeric: tabular-nums; }
.age { min-width: 7.5em; font-weight: 600; }
.mode { color: var(--dim); flex: 1 1 8em; min-width: 0; overflow-wrap: anywhere; }
.buttons { display: flex; flex-wrap: wrap; gap: 4px 8px; }
button { font: inherit; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: 6px;
  padding: 3px 9px; min-height: 26px; cursor: pointer; }
:focus-visible { outline: 2px solid #5eb1ff; outline-offset: 1px; }
ul { list-style: none; margin: 0; padding: 0; }
li button { position: absolute; left: 8px; bottom: 8px; background: #10161d; color: #fff; border-color: #fff6; }
li button:not(:focus) { clip-path: inset(50%); width: 1px; height: 1px; min-height: 0; padding: 0; overflow: hidden; }
figure { margin: 0; }
:host(:fullscreen) figure { height: 100%; display: flex; flex-direction: column; }
:host(:fullscreen) .stage { flex: 1; min-height: 0; }
:host(:fullscreen) .pan { height: 100%; aspect-ratio: auto !important; }
:host(:fullscreen) .pan:not([data-zoomed]) canvas { height: 100%; }
[hidden] { display: none; }`;

const keyOf = (object) => String(object.tracker_id ?? `#${object.index}`);
const secondsOf = (age) => `${age.toFixed(age < 0.995 ? 2 : age < 99.5 ? 1 : 0)} s`;

// "3 persons, 1 dog", the most frequent first.
function countsOf(objects) {
  const counts = new Map();
  for (const { class_name: name } of objects) counts.set(name, (counts.get(name) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  return sorted.map(([name, count]) => `${count} ${name}${count === 1 ? "" : "s"}`).join(", ");
}

export class Face {
  #objects = el("ul", { "aria-label": "Objects in the image" });
  #buttons = new Map(); // by the key of their object
  #current = new Map(); // the current objects, by the same key
  #listed = -Infinity;
  #labelled = -Infinity;

  // `on.pause()`, `on.zoom()`, `on.fullScreen()`, `on.save()`, `on.pick(object)`, `on.point(event)`.
  constructor(root, on) {
    this.on = on;
    this.canvas = el("canvas", { part: "picture", role: "img", "aria-label": "Live picture", onclick: on.point });
    this.notice = el("p", { class: "notice", role: "status", hidden: true });
    this.pan = el("div", { class: "pan" }, this.canvas);
    this.stage = el("div", { class: "stage", part: "stage" }, this.pan, this.#objects, this.notice);
    this.age = el("span", { class: "age" }, "no picture yet");
    this.mode = el("span", { class: "mode" });
    this.pause = el("button", { type: "button", "aria-pressed": "false", onclick: on.pause }, "Pause");
    this.zoomer = el("button", { type: "button", "aria-pressed": "false", onclick: on.zoom }, "Zoom in");
    const full = el("button", { type: "button", onclick: on.fullScreen }, "Full screen");
    const save = el("button", { type: "button", onclick: on.save }, "Snapshot");
    const buttons = el("span", { class: "buttons" }, this.pause, this.zoomer, full, save);
    const bar = el("div", { class: "bar", part: "bar" }, this.age, this.mode, buttons);
    root.append(el("figure", {}, this.stage, bar));
    const style = new CSSStyleSheet();
    style.replaceSync(STYLE);
    root.adoptedStyleSheets = [style];
  }

  get zoom() {
    return this.pan.hasAttribute("data-zoomed") ? ZOOM : 1;
  }

  // Enlarges the image around a position in the page, by default its center, or shows all of it again.
  toggleZoom({ clientX, clientY } = {}) {
    const zoomed = this.zoom === 1;
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    // The image itself, which has margins if the canvas has another shape.
    const scale = Math.min(width / this.canvas.width, height / this.canvas.height);
    const [wide, high] = [scale * this.canvas.width, scale * this.canvas.height];
    this.pan.style.setProperty("aspect-ratio", zoomed ? `${width} / ${height}` : "auto");
    this.pan.style.setProperty("--zoomed", `${(100 * ZOOM * wide) / width}%`);
    attribute(this.pan, "data-zoomed", zoomed);
    attribute(this.pan, "tabindex", zoomed && "0"); // arrow keys scroll it
    attribute(this.pan, "role", zoomed && "group");
    attribute(this.pan, "aria-label", zoomed && "Enlarged image");
    attribute(this.canvas, "part", zoomed ? "picture zoomed" : "picture");
    attribute(this.zoomer, "aria-pressed", String(zoomed));
    text(this.zoomer, zoomed ? "Zoom out" : "Zoom in");
    const across = clientX === undefined ? 0.5 : (clientX - left - (width - wide) / 2) / wide;
    const down = clientY === undefined ? 0.5 : (clientY - top - (height - high) / 2) / high;
    this.pan.scrollLeft = across * this.canvas.clientWidth - this.pan.clientWidth / 2;
    this.pan.scrollTop = down * this.canvas.clientHeight - this.pan.clientHeight / 2;
  }

  // `state`: live, old, joining, paused, gone, lost, ...; `message`: why there is no image; `slow`: whether the
  // connection is too slow for the video.
  tell({ state, mode, why, age, message, slow }) {
    attribute(this.stage, "data-old", age !== null && state !== "live" && state !== "joining");
    attribute(this.pause, "aria-pressed", String(state === "paused"));
    text(this.pause, state === "paused" ? "Resume" : "Pause");
    const since = age === null ? "no picture yet" : `${secondsOf(age)} old`;
    text(this.age, ["live", "old", "connecting"].includes(state) ? since : `${state} · ${since}`);
    text(this.mode, mode === null ? "" : slow ? `${MODES[mode]}: ${why}` : MODES[mode]);
    attribute(this.mode, "title", why || null);
    text(this.notice, message ?? "");
    this.notice.hidden = !message;
  }

  label(name, objects, age) {
    if (performance.now() - this.#labelled < LABELLED) return;
    this.#labelled = performance.now();
    const parts = [name, countsOf(objects), age === null ? "no picture yet" : `${age.toFixed(1)} s old`];
    attribute(this.canvas, "aria-label", parts.filter((part) => part !== "").join(", "));
  }

  // The object whose button has the focus.
  get chosen() {
    const focused = this.#objects.getRootNode().activeElement?.dataset?.key;
    return focused === undefined ? undefined : this.#current.get(focused);
  }

  // A button stays while its object exists, and while it has the focus.
  list(objects) {
    this.#current = new Map(objects.map((object) => [keyOf(object), object]));
    if (performance.now() - this.#listed < LISTED) return;
    this.#listed = performance.now();
    const focused = this.#objects.getRootNode().activeElement;
    for (const [key, button] of this.#buttons) {
      if (this.#current.has(key) || button === focused) continue;
      button.parentElement.remove();
      this.#buttons.delete(key);
    }
    for (const [key, object] of this.#current) {
      if (!this.#buttons.has(key)) this.#add(key);
      text(this.#buttons.get(key), object.tracker_id === undefined ? object.class_name : `${object.class_name} ${object.tracker_id}`);
    }
    this.#objects.hidden = this.#buttons.size === 0;
  }

  #add(key) {
    const pick = () => this.#current.has(key) && this.on.pick(this.#current.get(key));
    const button = el("button", { type: "button", "data-key": key, onclick: pick });
    this.#buttons.set(key, button);
    this.#objects.append(el("li", {}, button));
  }
}

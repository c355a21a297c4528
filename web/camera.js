// <freshframe-camera src token camera view start facing>: sends this browser's camera to a pipeline.
// SPDX-License-Identifier: Apache-2.0

import { Face } from "./camera/face.js";
import { Sender } from "./camera/sender.js";
import { STATES, sentenceOf } from "./camera/words.js";
import { el } from "./dom.js";
import "./view.js";

const own = new URL(".", import.meta.url).href;

class FreshframeCamera extends HTMLElement {
  static observedAttributes = ["src", "token", "camera", "view"];

  #root = this.attachShadow({ mode: "open" });
  #face = null;
  #sender = null;
  #listed = null; // track for which the cameras were listed: they have no names before the user has given permission

  connectedCallback() {
    this.#make();
    addEventListener("pagehide", this.#hide);
    addEventListener("pageshow", this.#show);
  }

  disconnectedCallback() {
    removeEventListener("pagehide", this.#hide);
    removeEventListener("pageshow", this.#show);
    this.#sender?.close();
    this.#sender = null;
  }

  attributeChangedCallback() {
    if (this.isConnected && this.#sender !== null) this.#make();
  }

  // Asks for permission and sends, as the button does.
  start() {
    this.#sender?.start(STATES[this.#sender.state].takes ?? false);
  }

  stop() {
    this.#sender?.stop();
  }

  // A browser may keep a page that was left, with its camera, in its cache.
  #hide = () => this.#sender?.close();
  #show = ({ persisted }) => persisted && this.#make();

  #make() {
    this.#sender?.close();
    const src = new URL(this.getAttribute("src") ?? own, document.baseURI).href;
    const token = this.getAttribute("token") ?? "";
    const port = this.getAttribute("view");
    const view = port === null ? null : el("freshframe-view", { src, token, port, part: "view" });
    const on = { button: () => this.start(), stop: () => this.stop(), pick: (device) => this.#sender.use(device) };
    this.#face = new Face(this.#root, on, view);
    this.#sender = new Sender(
      { src, token, camera: this.getAttribute("camera") ?? "", facing: this.getAttribute("facing") },
      { change: () => this.#tell() },
    );
    this.#tell();
    // In an insecure context, start() fails, and the page shows how to reach it securely.
    if (this.hasAttribute("start") || !isSecureContext) this.start();
  }

  #tell() {
    const sender = this.#sender;
    if (sender === null) return;
    const { state, detail, report, track } = sender;
    this.#face.tell({ state, detail, report, track });
    if (track !== this.#listed) this.#list(track);
    const message = sentenceOf({ state, detail });
    this.dispatchEvent(new CustomEvent("state", { detail: { state, message, report } }));
  }

  async #list(track) {
    this.#listed = track;
    if (track === null) return;
    const devices = await navigator.mediaDevices.enumerateDevices();
    const cameras = devices.filter(({ kind }) => kind === "videoinput");
    this.#face.offer(cameras, track.getSettings().deviceId);
  }
}

customElements.define("freshframe-camera", FreshframeCamera);

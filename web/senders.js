// A line for each camera that waits for a browser, with a link to the page that sends it.
// SPDX-License-Identifier: Apache-2.0

import { byId, el, text } from "./dom.js";
import { drawQr } from "./qr.js";

const COPIED = 2000; // ms for which the button confirms the copy
const WAITING = "waiting_sender";

// The page that sends a camera. Its token is after the #, which is not sent to servers or logged.
function linkOf({ name, source }, views) {
  const asked = new URLSearchParams({ camera: name, token: source.sender_token });
  if (views.length > 0) asked.set("view", views[0].port);
  return new URL(`camera#${asked}`, location.href).href;
}

async function copy(button, link) {
  await navigator.clipboard.writeText(link);
  text(button, "Copied");
  setTimeout(() => text(button, "Copy the link"), COPIED);
}

// A QR code for a phone, which can use its camera only on an https page of this server.
function codeOf(link) {
  if (location.protocol !== "https:" || ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) return null;
  return el("details", {}, el("summary", {}, "QR code"), drawQr(link, "The link as a QR code"));
}

function lineOf(node, link) {
  const open = el("a", { class: "chip", href: link, target: "_blank", rel: "noopener" }, "Use my camera");
  // Pages over http have no clipboard.
  const button = navigator.clipboard
    ? el("button", { type: "button", class: "chip", onclick: () => copy(button, link) }, "Copy the link")
    : null;
  const words = el("span", {}, el("b", {}, node.name), " waits for a browser that sends its camera.");
  return el("li", { "data-node": node.name }, words, " ", open, button, codeOf(link));
}

export class Senders {
  #list = byId("senders");
  #shown = "";

  update(state) {
    const waiting = state.nodes.filter(({ source }) => source?.state === WAITING && source.sender_token);
    const links = waiting.map((node) => linkOf(node, state.views));
    if (links.join("\n") === this.#shown) return;
    this.#shown = links.join("\n");
    this.#list.hidden = links.length === 0;
    this.#list.replaceChildren(...waiting.map((node, index) => lineOf(node, links[index])));
  }
}

// A page with a single view, for an <iframe>. Its options are after the # of the URL, which is not sent to servers
// or logged.
// SPDX-License-Identifier: Apache-2.0

import "../view.js";
import { el } from "../dom.js";

const NAMES = ["port", "token", "labels", "wait", "mode"];

function show() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const view = document.createElement("freshframe-view");
  view.setAttribute("src", new URL("..", import.meta.url).href);
  for (const name of NAMES) {
    if (asked.has(name)) view.setAttribute(name, asked.get(name));
  }
  document.title = asked.get("port") ?? "Live video";
  document.body.replaceChildren(el("main", {}, view));
}

const sheet = new CSSStyleSheet();
sheet.replaceSync("body { margin: 0; }");
document.adoptedStyleSheets = [sheet];
addEventListener("hashchange", show);
show();

// A page that sends one camera. Its options are after the # of the URL, which is not sent to servers or logged.
// SPDX-License-Identifier: Apache-2.0

import "../camera.js";
import { el } from "../dom.js";

const NAMES = ["camera", "token", "view", "facing", "start"];

function show() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const given = NAMES.map((name) => [name, asked.get(name)]);
  const src = new URL("..", import.meta.url).href;
  const camera = el("freshframe-camera", { src, ...Object.fromEntries(given) });
  const name = asked.get("camera") ?? "";
  const title = name === "" ? "Send this camera" : `Send this camera as ${name}`;
  document.title = title;
  document.body.replaceChildren(el("main", {}, el("h1", {}, title), camera));
}

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:root { color-scheme: light dark; }
body { margin: 0 auto; max-width: 60rem; font-family: system-ui, sans-serif; }
h1 { margin: 0; padding: 10px 8px; font-size: 1.1rem; }`);
document.adoptedStyleSheets = [sheet];
addEventListener("hashchange", show);
show();

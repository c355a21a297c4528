// Starts a fleet's page: asks for the state once a second, and each part shows its share.
// SPDX-License-Identifier: Apache-2.0

import { BROKEN, Cameras } from "./fleet_cameras.js";
import { attribute, byId, el, fact, text } from "./dom.js";
import * as format from "./format.js";

const PERIOD = 1000; // milliseconds between two requests
const OLD = 15000; // milliseconds without a new state; the program makes one at least every 10 s
const GIL_KEPT = 3; // seconds without a heartbeat of an agent's Python code, which sends one per second
const LOSSES = ["outbox_full", "expired", "fenced", "lost_with_agent"];

const cameras = new Cameras();
const facts = {};
const list = byId("facts");
for (const [key, term, title] of [
  ["agents", "agents up", "agents whose lease is renewed, of all"],
  ["running", "running", "cameras that give results, of all"],
  ["broken", "not running", "cameras that are failed, unplaced or away"],
  ["rate", "results", "results a second of all cameras"],
  ["oldest", "oldest", "the highest age of a running camera's newest result"],
]) {
  facts[key] = fact(list, term, title);
}

let newestEvent = "";
let failures = 0;
let latest = { utc: 0, heard: performance.now() };

function show(state) {
  text(byId("name"), state.name);
  document.title = `${state.name} - freshframe`;
  const all = Object.values(state.cameras);
  const agents = Object.values(state.agents);
  const up = agents.filter((agent) => agent.state === "up").length;
  const running = all.filter((camera) => camera.state === "running");
  const broken = all.filter((camera) => BROKEN.includes(camera.state)).length;
  const [saturated] = Object.entries(state.saturated);
  cameras.update(state);
  text(facts.agents, `${up} / ${agents.length}`);
  text(facts.running, `${format.count(running.length)} / ${format.count(all.length)}`);
  text(facts.broken, format.count(broken));
  facts.broken.parentElement.classList.toggle("bad", broken > 0);
  facts.agents.parentElement.classList.toggle("bad", up < agents.length);
  text(facts.rate, `${format.rate(cameras.rate)} /s`);
  text(facts.oldest, format.time(running.reduce((most, camera) => Math.max(most, camera.result_age ?? 0), 0)));
  const phase = byId("phase");
  text(phase, saturated ? `${saturated[0]} ${saturated[1]}` : broken > 0 ? "with problems" : "running");
  attribute(phase, "data-state", broken > 0 || saturated ? "problem" : "running");
  showAgents(agents);
  showReaders(state.readers);
  showEvents(state.events);
  text(byId("controller"), `controller: ${format.time(state.controller_cpu)} of processor time`);
}

function showAgents(agents) {
  const chosen = cameras.agent;
  byId("agents").replaceChildren(
    ...agents.map((agent) =>
      el(
        "article",
        { class: "card agent", "data-agent": agent.name, "data-state": wordOfAgent(agent).state },
        el(
          "header",
          {},
          el("span", { class: "dot", "aria-hidden": "true" }),
          el(
            "button",
            {
              type: "button",
              "aria-pressed": String(chosen === agent.name),
              onclick: () => cameras.choose(agent.name),
            },
            agent.name,
          ),
          el("span", { class: "state" }, wordOfAgent(agent).word),
        ),
        el("span", { class: "bar", title: `${format.percent(agent.load)} of the machine` }, loadBar(agent.load)),
        el(
          "p",
          { class: "hint num" },
          [
            format.plural(agent.camera_count, "camera"),
            `load ${format.percent(agent.load)}`,
            agent.behind >= 1 ? `results ${format.time(agent.behind)} behind` : "",
            agent.lost_share >= 0.01 ? `${format.percent(agent.lost_share)} of the frames lost` : "",
            agent.pid !== null ? `process ${agent.pid}` : "no process",
            agent.deaths > 0 ? format.plural(agent.deaths, "death") : "",
            Object.entries(agent.labels)
              .map(([name, value]) => `${name}=${value}`)
              .join(" "),
          ]
            .filter((part) => part !== "")
            .join(" · "),
        ),
        agent.reason ? el("p", { class: "alarm" }, agent.reason) : null,
      ),
    ),
  );
}

function loadBar(load) {
  const bar = el("i");
  bar.style.inlineSize = `${Math.min(100, Math.round(load * 100))}%`; // a style attribute would be blocked
  return bar;
}

function wordOfAgent(agent) {
  if (agent.state === "up" && agent.silent_for > 1) return { state: "stalled", word: `silent for ${format.time(agent.silent_for)}` };
  if (agent.state === "up" && agent.python_silent_for > GIL_KEPT) {
    return { state: "stalled", word: `its GIL is kept for ${format.time(agent.python_silent_for)}` };
  }
  if (agent.state === "up") return { state: "ok", word: agent.draining ? "draining" : "up" };
  if (agent.state === "starting") return { state: "starting", word: "starting" };
  return { state: "failed", word: agent.state };
}

function showReaders(readers) {
  byId("readers").replaceChildren(
    ...(readers.length === 0 ? [el("p", { class: "hint" }, "no readers")] : []),
    ...readers.map((reader) => {
      const lost = format.sum(LOSSES.map((name) => reader[name]));
      const parts = [`${format.count(reader.delivered)} delivered`, `${format.count(reader.waiting)} waiting`];
      for (const name of LOSSES) {
        if (reader[name] > 0) parts.push(`${format.count(reader[name])} ${name.replaceAll("_", " ")}`);
      }
      return el(
        "p",
        { class: "reader-line", "data-state": lost > 0 ? "lost" : "ok" },
        el("span", { class: "dot", "aria-hidden": "true" }),
        el("b", {}, reader.output),
        el("span", { class: "num" }, parts.join(" · ")),
      );
    }),
  );
}

function showEvents(events) {
  const key = `${events.length} ${events.at(-1)?.utc ?? 0}`;
  if (key === newestEvent) return;
  newestEvent = key;
  text(byId("events-hint"), events.length === 0 ? "nothing yet" : `the last ${Math.min(200, events.length)}`);
  const newest = events.at(-1);
  if (newest) text(byId("announce"), `${newest.about}: ${newest.text}`);
  byId("event-list").replaceChildren(
    ...events
      .slice(-200)
      .reverse()
      .map((event) =>
        el(
          "li",
          {},
          el("time", { class: "num dim" }, format.clock(event.utc)),
          el("b", {}, event.about),
          el("span", {}, event.text),
        ),
      ),
  );
}

function showLink(problem) {
  document.body.classList.toggle("stale", problem !== "");
  byId("banners").replaceChildren(
    ...(problem === ""
      ? []
      : [el("div", { class: "banner", "data-kind": "lost", role: "status" }, el("strong", {}, problem), " The numbers are old.")]),
  );
}

async function ask() {
  try {
    const answer = await fetch("api/fleet", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (answer.status === 401) return location.assign("/");
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const state = await answer.json();
    failures = 0;
    if (state.utc !== latest.utc) latest = { utc: state.utc, heard: performance.now() };
    showLink(performance.now() - latest.heard > OLD ? "The program sends no new state. It is busy or stopped." : "");
    show(state);
  } catch (error) {
    failures += 1;
    if (failures > 1) showLink(`The fleet does not answer (${error.message}).`);
  }
  setTimeout(ask, document.hidden ? 5 * PERIOD : PERIOD);
}

ask();

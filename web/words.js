// The words of the page for the engine's states, causes of drops, events and queue policies.
// SPDX-License-Identifier: Apache-2.0

export const STATES = {
  ok: "ok",
  idle: "idle",
  busy: "busy",
  full: "fully busy",
  away: "away",
  frozen: "frozen",
  loop: "in a loop",
  flat: "no contrast",
  opening: "opening",
  waiting: "waiting",
  working: "working",
  blocked: "waits for its consumer",
  waiting_gil: "waits for the GIL",
  ended: "ended",
  failed: "failed",
  connecting: "connecting",
  resolving: "looking up the name",
  waiting_keyframe: "waits for a keyframe",
  reading: "reading",
  stalled: "stalled",
  recorded: "only recorded",
  undecoded: "not decoded",
  backing_off: "waits to reconnect",
  waiting_sender: "waits for a browser",
  closing: "closing",
  closed: "closed",
};

export const CAUSES = {
  queue_full: "the queue was full",
  removed: "its edge was removed",
  no_waiter: "the consumer was busy and the queue keeps nothing",
  skipped: "the reader took a newer sample",
  stale: "older than max_age when its turn came",
  unmatched: "no sample of the join's other parents belongs to it",
  late: "it arrived after the join had given up on its set",
  no_clock: "it has no usable wall clock time",
  stop: "the pipeline or the reader had stopped",
  rate: "skipped by max_rate or every, by design",
  device: "lost by the device, or when the device failed",
  decode: "could not be decoded",
  pool: "no image memory was free",
  error: "the node raised an exception",
  worker: "its worker process died or took too long",
  not_decoded: "the decoder skipped it, by design",
  sender: "the browser did not send it: its encoder or the connection was too slow",
};

// States of worker processes.
export const WORKER_STATES = {
  starting: "starting",
  idle: "idle",
  working: "working",
  resting: "starts again soon",
  closing: "closing",
  ended: "ended",
};

export const EVENTS = {
  start: "start",
  change: "change",
  loss: "loss",
  stall: "stall",
  reconnect: "back",
  decoder: "decoder",
  outage: "outage",
  error: "error",
  gil: "GIL",
  end: "end",
};

const FULL = {
  drop_oldest: "when it is full the oldest is dropped",
  drop_newest: "when it is full the newest is dropped",
  block: "when it is full the producer waits",
};

// How many samples can wait: the depth is per source.
export const roomOf = (queue) => queue.depth * (queue.source_count ?? 1);

export const policyName = (queue) => queue.name ?? queue.when_full.replaceAll("_", " ");

export function policySentence(queue) {
  const name = queue.name ? `${queue.name}: ` : "";
  const each = (queue.source_count ?? 1) > 1 ? ` of each of ${queue.source_count} sources` : "";
  const every = queue.every > 1 ? `one sample in ${queue.every} passes${each}; ` : "";
  const limit = queue.max_rate == null ? "" : `at most ${queue.max_rate} samples per second pass${each}; `;
  const rate = every + limit;
  if (queue.depth === 0)
    return `${name}${rate}keeps nothing; the consumer takes only a sample that arrives while it waits`;
  return `${name}${rate}holds at most ${queue.depth}${each}; ${FULL[queue.when_full] ?? queue.when_full}`;
}

// Marks cameras of which only packets are used (`recorded`), and cameras of which nothing is (`undecoded`): nothing is
// decoded there, so their rate is that of the packets.
export function markRecorded({ nodes, edges }) {
  const sources = new Map(nodes.filter(({ kind }) => kind === "source").map((node) => [node.name, node]));
  for (const node of sources.values()) {
    const camera = sources.get(node.packets_of);
    if (camera === undefined) continue;
    const used = camera.rate > 0 || edges.some(({ parent }) => parent === camera.name);
    if (used || !(node.rate > 0)) continue;
    camera.recorded = true;
    camera.rate = node.rate;
  }
  for (const node of sources.values()) {
    if (node.rate > 0 || !(node.source?.undecoded_rate > 0)) continue;
    node.undecoded = true;
    node.rate = node.source.undecoded_rate;
  }
}

const SETTLING = 10; // seconds
const FULL_FROM = 0.9; // fraction of the run
const SMALL_LOSS = 0.01; // fraction of the frames of a source

// The period that percentiles cover, for tooltips and for a state.
export const PERIOD = "in the last ten seconds; after the end, in the whole run";
export const periodOf = ({ phase }) => (["ended", "stopped", "failed"].includes(phase) ? "whole run" : "last 10 s");

export const isSettling = ({ phase, elapsed }) => phase === "running" && elapsed < SETTLING;

// Removes problems that starting up causes, such as lost frames and cameras that still connect, and losses of less than
// one frame in a hundred of a source. These stay events, and in the counts of their cards.
export function settle(state) {
  const { phase, elapsed, nodes = [] } = state;
  const isSmall = ({ kind, subject }) => {
    const node = kind === "loss" ? nodes.find(({ name }) => name === subject) : undefined;
    return node?.kind === "source" && node.lost < SMALL_LOSS * (node.processed + node.lost);
  };
  const isOfTheStart = ({ ago }) => phase === "running" && ago !== undefined && elapsed - ago < SETTLING;
  const isShown = isSettling(state) ? ({ kind }) => kind === "error" : (problem) => !isOfTheStart(problem);
  state.problems = (state.problems ?? []).filter((problem) => isShown(problem) && !isSmall(problem));
}

// Whether a node is at its limit now. `busy` covers the whole run, so that it alone does not show a node that hangs or
// whose source sends nothing any more. Calls of half a second and more leave whole seconds without a result.
const isFull = ({ kind, busy, rate, state, duration_p50 }) =>
  kind !== "source" && busy >= FULL_FROM && (rate > 0 || (state === "working" && duration_p50 >= 0.5));

// A node's state in one word. It does not show what the thread is doing at the moment, which changes with every sample.
export function stateOf(node) {
  if (typeof node.source?.away_for === "number") return "away";
  if (node.source?.frozen) return "frozen";
  if (node.state !== "waiting" && node.state !== "working") return node.state;
  if (node.recorded) return "recorded";
  if (node.undecoded) return "undecoded";
  if (isFull(node)) return "full";
  if (node.rate > 0) return "ok";
  return node.state === "working" ? "busy" : "idle"; // working on one sample for longer than a second
}

const ENDINGS = { one: "st", two: "nd", few: "rd", other: "th" };
const plural = new Intl.PluralRules("en-US", { type: "ordinal" });
const ordinal = (number) => `${number}${ENDINGS[plural.select(number)]}`;

// Which samples a queue that drops by design passes on; "" for all of them.
export function designSentence(edge) {
  const skipped = Object.values(edge.drop_rate).reduce((total, rate) => total + rate, 0);
  const offered = edge.rate + skipped;
  if (skipped <= 0.03 * offered) return "";
  if (edge.rate <= 0) return "its consumer is busy with one frame";
  const step = offered / edge.rate;
  if (step >= 1.75) return `sees every ${ordinal(Math.round(step))} frame by design`;
  return `sees ${Math.round(100 / step)} of 100 frames by design`;
}

// An unknown value from the server is shown as it is.
export const word = (list, key) => (Object.hasOwn(list, key) ? list[key] : String(key));

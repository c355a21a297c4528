// What the engine's words mean, for people who see them for the first time.
// SPDX-License-Identifier: Apache-2.0

export const STATES = {
  opening: "opening",
  waiting: "waiting",
  working: "working",
  blocked: "blocked",
  waiting_gil: "waits for the GIL",
  ended: "ended",
  failed: "failed",
  connecting: "connecting",
  resolving: "looking up the name",
  waiting_key_frame: "waits for a key frame",
  reading: "reading",
  stalled: "stalled",
  backing_off: "waits to reconnect",
  closing: "closing",
  closed: "closed",
};

export const CAUSES = {
  queue_full: "the queue was full",
  no_waiter: "the consumer was busy and the queue keeps nothing",
  skipped: "the reader took a newer one",
  stale: "older than max_age when it would have been taken",
  stop: "the pipeline or the reader had stopped",
  device: "lost by the device",
  decode: "could not be decoded",
  pool: "no picture memory was free",
  error: "the node raised an exception",
  worker: "lost with a worker process",
};

export const EVENTS = {
  start: "start",
  drop: "drop",
  stall: "stall",
  reconnect: "back",
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

export const policyName = (queue) => queue.name ?? queue.when_full.replaceAll("_", " ");

export function policySentence(queue) {
  const name = queue.name ? `${queue.name}: ` : "";
  if (queue.depth === 0)
    return `${name}keeps nothing; only a sample that comes while the consumer waits is taken`;
  return `${name}holds at most ${queue.depth}; ${FULL[queue.when_full] ?? queue.when_full}`;
}

// A text of the server that is not in a list above is shown as it is.
export const word = (list, key) => (Object.hasOwn(list, key) ? list[key] : String(key));

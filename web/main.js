// Starts the page: one connection, whose states are passed to all parts.
// SPDX-License-Identifier: Apache-2.0

import { Connection } from "./connection.js";
import { Details } from "./details.js";
import { Events } from "./events.js";
import { Gil } from "./gil.js";
import { Graph } from "./graph.js";
import { History } from "./history.js";
import { Pictures } from "./pictures.js";
import { Problems } from "./problems.js";
import { Senders } from "./senders.js";
import { Sources } from "./sources.js";
import { isSettling, markRecorded, settle } from "./words.js";
import { Status } from "./status.js";

const history = new History();
const details = new Details(history);
const status = new Status();
const graph = new Graph(history, (what) => details.show(what));
const problems = new Problems((subject) => {
  const node = last.nodes.findIndex(({ name }) => name === subject);
  const edge = last.edges.findIndex(({ parent, child }) => `${parent}->${child}` === subject);
  if (node >= 0) details.show({ node });
  else if (edge >= 0) details.show({ edge });
});
const parts = [status, problems, graph, new Pictures(), new Senders(), new Sources(), new Events(), new Gil()];
let last = null;

function show(state) {
  // A restarted server may serve a newer page.
  if (last !== null && last.version !== state.version) location.reload();
  last = state;
  markRecorded(state);
  settle(state);
  document.body.classList.toggle("settling", isSettling(state));
  const ticked = history.add(state);
  for (const part of parts) part.update(state, ticked);
  details.update(state, ticked);
}

new Connection({
  history: (message) => history.begin(message),
  state: show,
  link: (link) => {
    if (link.state === "lost") history.forget();
    status.link(link);
  },
});

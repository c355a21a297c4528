// What the site's search adds to the scores of its results: the page whose title is the text searched for comes first.
// SPDX-License-Identifier: Apache-2.0
/* exported Scorer */
var Scorer = {
  score: ([, title, anchor, , score]) => {
    const wanted = new URLSearchParams(location.search).get("q")?.trim().toLowerCase();
    const is_page = !anchor && title.toLowerCase().replace(/^the /, "") === wanted;
    return score + (is_page ? 100 : 0);
  },
  // The rest as Sphinx has it.
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};

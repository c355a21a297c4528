// What the site's search adds to the scores of its results. Sphinx counts only the best of the words searched for, so
// "frozen camera" finds each page about cameras: here pages whose headings have all of them come first.
// SPDX-License-Identifier: Apache-2.0
/* exported Scorer */
var Scorer = {
  TITLE: 100, // the text searched for is the title of the page
  IN_TITLE: 45, // all of it, one word after the other
  IN_HEADING: 30,
  WORDS_IN_HEADING: 15, // its words, in any order
  FOLDERS: [
    ["docs/how-to/", 3],
    ["docs/tutorial/", 2],
    ["docs/benchmarks/", -3],
    ["docs/development/", -3],
    ["docs/all-pages", -20], // has the title of every page
  ],

  query: null,
  headings: new Map(), // the points of a page's best heading, by page

  rate(title, isTitle, words) {
    const found = ` ${Scorer.words(title).join(" ")} `;
    if (found.includes(` ${words.join(" ")} `)) return isTitle ? Scorer.IN_TITLE : Scorer.IN_HEADING;
    return words.every((word) => found.includes(` ${word}`)) ? Scorer.WORDS_IN_HEADING : 0;
  },

  words: (text) =>
    text
      .toLowerCase()
      .split(/[^\p{L}\p{N}.]+/u)
      .filter(Boolean),

  // Rates each page by its headings, once per query.
  rateAll(query) {
    if (query === Scorer.query) return;
    Scorer.query = query;
    Scorer.headings.clear();
    const { alltitles, docnames, titles } = Search._index;
    for (const [title, places] of Object.entries(alltitles)) {
      for (const [page] of places) {
        const points = Scorer.rate(title, title === titles[page], Scorer.words(query));
        Scorer.headings.set(docnames[page], Math.max(points, Scorer.headings.get(docnames[page]) ?? 0));
      }
    }
  },

  score: (result) => Scorer.scoreFor(new URLSearchParams(location.search).get("q") ?? "", result),

  scoreFor(given, [page, title, anchor, , score]) {
    const query = given.trim().toLowerCase();
    if (anchor || query === "") return score;
    Scorer.rateAll(query);
    const isTitle = title.toLowerCase().replace(/^the /, "") === query;
    const folder = Scorer.FOLDERS.find(([prefix]) => page.startsWith(prefix))?.[1] ?? 0;
    return score + folder + (isTitle ? Scorer.TITLE : (Scorer.headings.get(page) ?? 0));
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

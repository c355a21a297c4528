// Where the graph's cards and curves go: nodes in columns by their distance from the sources, each edge's card in
// the gap before its child. Layers, barycentres against crossings (Sugiyama, Tagawa and Toda, 1981), then heights by
// isotonic regression (pool adjacent violators). A graph that is too wide continues in a row below, like text. Pure
// functions; pixels.
// SPDX-License-Identifier: Apache-2.0

const SWEEPS = 8;
const LANE = 14; // height kept free for a curve that passes a column
const MOST_ROWS = 3;
const MOST_BACK = 2; // curves that go back to the beginning of the next row
const GUTTER = 44; // height between two rows
const TURN = 24; // px that a curve needs next to a row to turn

// The length of the longest path from a source, by name.
export function levels(names, edges) {
  const level = new Map(names.map((name) => [name, 0]));
  for (let round = 0; round < names.length; ++round) {
    let moved = false;
    for (const { parent, child } of edges) {
      const least = (level.get(parent) ?? 0) + 1;
      if (level.has(child) && level.get(child) < least && least < names.length) {
        level.set(child, least);
        moved = true;
      }
    }
    if (!moved) break;
  }
  return level;
}

// nodes: [{name, height}], edges: [{parent, child, height}]. Returns boxes for both in the same order, a route of
// points per edge that ends at its card, the total size, and the reading order. `most`: the width to fit into.
export function arrange(nodes, edges, { nodeWidth, edgeWidth, gap, space }, most = Infinity) {
  const columns = build(nodes, edges);
  order(columns);
  place(columns, space);
  const width = (index) => (index % 2 === 0 ? nodeWidth : edgeWidth);
  const all = columns.reduce((total, _, index) => total + width(index) + gap, -gap);
  const rows = all > most ? fold(columns, width, gap, most - 2 * TURN) : null;
  const left = rows === null ? 0 : TURN;
  for (const row of rows ?? [columns.map((_, index) => index)]) {
    let x = left;
    for (const index of row) {
      for (const item of columns[index]) item.x = x;
      x += width(index) + gap;
    }
  }
  if (rows !== null) stack(columns, rows);
  const wide = rows === null ? all : Math.max(...columns.flatMap((column, index) => column.map((item) => item.x + width(index)))) + TURN;
  const top = Math.min(...columns.flat().map((item) => item.y - item.height / 2));
  const bottom = Math.max(...columns.flat().map((item) => item.y + item.height / 2));
  const box = (item, wide) => ({
    x: item.x,
    y: item.y - item.height / 2 - top,
    width: wide,
    height: item.height,
  });
  const items = columns.flat();
  const nodeItems = items.filter((item) => item.node !== undefined).sort((a, b) => a.node - b.node);
  const cards = items.filter((item) => item.card !== undefined).sort((a, b) => a.card - b.card);
  return {
    nodes: nodeItems.map((item) => box(item, nodeWidth)),
    edges: cards.map((item) => box(item, edgeWidth)),
    routes: cards.map((item) => route(item, top, { nodeWidth, edgeWidth })),
    width: wide,
    height: bottom - top,
    reading: reading(columns),
  };
}

// The columns of each row, or null if there would be too many rows, or too many curves back. A row starts with the
// cards of the edges that lead there.
function fold(columns, width, gap, most) {
  const rows = [[0]];
  let x = width(0);
  for (let index = 1; index < columns.length; index += 2) {
    const step = 2 * gap + width(index) + width(index + 1);
    if (x + step > most) {
      rows.push([]);
      x = -gap;
    }
    rows.at(-1).push(index, index + 1);
    x += step;
  }
  const back = rows.slice(1).map(([first]) => columns[first].length);
  return rows.length > MOST_ROWS || back.some((number) => number > MOST_BACK) ? null : rows;
}

// Moves each row below the previous one. The first items of a row store the height at which a curve arrives.
function stack(columns, rows) {
  let floor = null;
  for (const row of rows) {
    const items = row.flatMap((index) => columns[index]);
    const top = Math.min(...items.map((item) => item.y - item.height / 2));
    const shift = floor === null ? 0 : floor + GUTTER - top;
    for (const item of items) item.y += shift;
    if (floor !== null) {
      columns[row[0]].forEach((item, index) => (item.back = floor + (GUTTER * (index + 1)) / (columns[row[0]].length + 1)));
    }
    floor = Math.max(...items.map((item) => item.y + item.height / 2));
  }
}

// Columns of items, alternately nodes and cards of edges. An edge across several columns gets a lane in each of them.
function build(nodes, edges) {
  const level = levels(
    nodes.map((node) => node.name),
    edges,
  );
  const columns = Array.from({ length: 2 * Math.max(0, ...level.values()) + 1 }, () => []);
  const items = new Map();
  const make = (column, item) => {
    columns[column].push(Object.assign(item, { column, before: [], after: [], y: 0 }));
    return item;
  };
  nodes.forEach((node, index) => {
    items.set(node.name, make(2 * level.get(node.name), { node: index, height: node.height }));
  });
  edges.forEach((edge, index) => {
    const child = items.get(edge.child);
    let last = items.get(edge.parent);
    for (let column = last.column + 1; column < child.column; ++column) {
      const item = column === child.column - 1 ? { card: index, height: edge.height } : { height: LANE };
      make(column, item);
      last.after.push(item);
      item.before.push(last);
      last = item;
    }
    last.after.push(child);
    child.before.push(last);
  });
  return columns;
}

function order(columns) {
  const number = () => columns.forEach((column) => column.forEach((item, index) => (item.order = index)));
  number();
  let best = columns.map((column) => [...column]);
  let fewest = crossings(columns);
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; ++sweep) {
    const side = sweep % 2 === 0 ? "before" : "after";
    for (const column of sweep % 2 === 0 ? columns : [...columns].reverse()) {
      const centre = new Map(
        column.map((item) => [
          item,
          mean(
            item[side].map((other) => other.order),
            item.order,
          ),
        ]),
      );
      column.sort((a, b) => centre.get(a) - centre.get(b) || a.order - b.order);
      column.forEach((item, index) => (item.order = index));
    }
    const now = crossings(columns);
    if (now < fewest) {
      fewest = now;
      best = columns.map((column) => [...column]);
    }
  }
  best.forEach((column, index) => (columns[index] = column));
  number();
}

function crossings(columns) {
  let found = 0;
  for (const column of columns) {
    const lines = column.flatMap((item) => item.after.map((other) => [item.order, other.order]));
    for (let a = 0; a < lines.length; ++a) {
      for (let b = 0; b < a; ++b) {
        if ((lines[a][0] - lines[b][0]) * (lines[a][1] - lines[b][1]) < 0) ++found;
      }
    }
  }
  return found;
}

function place(columns, space) {
  for (const column of columns)
    spread(
      column,
      column.map(() => 0),
      space,
    );
  for (let sweep = 0; sweep < SWEEPS; ++sweep) {
    for (const column of columns)
      spread(
        column,
        column.map((item) => wish(item.before, item)),
        space,
      );
    for (const column of [...columns].reverse()) {
      spread(
        column,
        column.map((item) => wish(item.after, item)),
        space,
      );
    }
  }
  for (const column of columns) {
    spread(
      column,
      column.map((item) => wish([...item.before, ...item.after], item)),
      space,
    );
  }
}

const wish = (others, item) =>
  mean(
    others.map((other) => other.y),
    item.y,
  );

const mean = (numbers, otherwise) =>
  numbers.length === 0 ? otherwise : numbers.reduce((total, number) => total + number, 0) / numbers.length;

// Places the items as close as possible to the heights in `wishes`, in order and without overlap.
function spread(column, wishes, space) {
  const offsets = [0];
  for (let index = 1; index < column.length; ++index) {
    offsets.push(offsets[index - 1] + (column[index - 1].height + column[index].height) / 2 + space);
  }
  const blocks = [];
  wishes.forEach((wanted, index) => {
    blocks.push({ total: wanted - offsets[index], size: 1 });
    while (blocks.length > 1 && value(blocks.at(-2)) > value(blocks.at(-1))) {
      const last = blocks.pop();
      blocks.at(-1).total += last.total;
      blocks.at(-1).size += last.size;
    }
  });
  let index = 0;
  for (const block of blocks) {
    for (let left = block.size; left > 0; --left, ++index) column[index].y = value(block) + offsets[index];
  }
}

const value = (block) => block.total / block.size;

// From the parent's right side through its lanes to the card, and from there to the child's left side.
function route(card, top, { nodeWidth, edgeWidth }) {
  const width = (item) => (item.column % 2 === 0 ? nodeWidth : edgeWidth);
  const chain = [card.after[0], card];
  while (chain.at(-1).node === undefined) chain.push(chain.at(-1).before[0]);
  chain.reverse();
  return chain.flatMap((item, index) => {
    const left = { x: item.x, y: item.y - top };
    if (item.back !== undefined) left.back = item.back - top;
    const right = { x: item.x + width(item), y: item.y - top };
    if (index === 0) return [right];
    return index === chain.length - 1 ? [left] : [left, right];
  });
}

// Each node after the cards of the edges that lead to it: indices as {node} or {edge}.
function reading(columns) {
  return columns
    .filter((_, index) => index % 2 === 0)
    .flat()
    .filter((item) => item.node !== undefined)
    .flatMap((item) => [
      ...item.before.filter((other) => other.card !== undefined).map((other) => ({ edge: other.card })),
      { node: item.node },
    ]);
}

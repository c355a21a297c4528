// Draws an image and its results on a canvas, sharp at any size: boxes, circles, masks, keypoints, lines and zones.
// SPDX-License-Identifier: Apache-2.0

const EIGHTH = 1 / 8; // of a pixel: the unit of coordinates in results
const WIDEST = 2560; // px of the canvas
const COLOURS = ["#35d6a0", "#5eb1ff", "#f2b84b", "#ff8fab", "#bd9bff", "#7ee0ff", "#d4e157", "#ffab70"];
const COUNTED = "#ffeb59"; // lines and zones, as drawn by Annotate
const DASHES = [6, 4];
const NO_TURN = { flip: false, quarters: 0 };
// Pairs of a person's 17 key points in COCO's order that are joined by a line.
const BONES = [0, 1, 0, 2, 1, 3, 2, 4, 5, 6, 5, 7, 7, 9, 6, 8, 8, 10, 5, 11, 6, 12, 11, 12, 11, 13, 13, 15, 12, 14, 14, 16];
const FIELD = /\{\{|\}\}|\{([^{}:]+)(?::([^{}]*))?\}/g; // or a brace that is literal text

// The objects of a result: {index, tracker_id, class_id, class_name, confidence, box or circle, corners (of an oriented
// box, else null), points (null: not found), columns}.
export function objectsOf(result, names) {
  if (result === null) return [];
  const { boxes = [], circles = [], corners = [], classes, scores, ids, keypoints, columns = {} } = result;
  const places = [];
  for (let at = 0; at < boxes.length; at += 4) places.push({ box: boxes.slice(at, at + 4).map((x) => x * EIGHTH) });
  for (let at = 0; at < circles.length; at += 3)
    places.push({ circle: circles.slice(at, at + 3).map((x) => x * EIGHTH) });
  const { count = 0, xy = [] } = keypoints ?? {};
  const pointOf = (at) => (xy[at] === null ? null : [xy[at] * EIGHTH, xy[at + 1] * EIGHTH]);
  const cornersOf = (index) => {
    const own = corners.slice(8 * index, 8 * index + 8);
    if (own.length < 8 || own.includes(null)) return null;
    return [0, 2, 4, 6].map((at) => [own[at] * EIGHTH, own[at + 1] * EIGHTH]);
  };
  return places.map((place, index) => ({
    ...place,
    index,
    tracker_id: ids?.[index],
    class_id: classes?.[index],
    class_name: names?.[classes?.[index]] ?? (classes ? String(classes[index]) : place.circle ? "circle" : "object"),
    confidence: scores === undefined ? undefined : scores[index] / 1000,
    corners: cornersOf(index),
    points: Array.from({ length: count }, (_, point) => pointOf(2 * (count * index + point))),
    columns: Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[index]])),
  }));
}

// Formats a label's fields as Python does. A field without a value is omitted together with the text up to the next
// one.
export function labelOf(object, pattern) {
  const { box: [x1, y1, x2, y2] = [], circle: [x, y, r] = [], ...own } = object;
  const values = { ...own, x1, y1, x2, y2, x, y, r, ...object.columns };
  let [label, written, at] = ["", true, 0];
  for (const { 0: text, 1: field, 2: format, index } of pattern.matchAll(FIELD)) {
    if (written) label += pattern.slice(at, index);
    at = index + text.length;
    const value = field === undefined ? text[0] : values[field];
    if (field !== undefined) written = value !== undefined && value !== null && value !== "" && !Number.isNaN(value);
    if (written) label += formatted(value, format ?? "");
  }
  return (written ? label + pattern.slice(at) : label).trim();
}

function formatted(value, format) {
  const [, flags, width, digits, type] = /^([+0]*)(\d*)(?:\.(\d+))?([defgs%]?)$/.exec(format) ?? ["", "", "", "", "s"];
  let text = String(value);
  if (typeof value === "number") {
    const places = digits === undefined || digits === "" ? 6 : Number(digits);
    if (type === "d") text = value.toFixed(0);
    else if (type === "f") text = value.toFixed(places);
    else if (type === "e") text = value.toExponential(places).replace(/e([+-])(\d)$/, "e$10$2");
    else if (type === "%") text = `${(value * 100).toFixed(places)}%`;
    else if (type === "g" || digits) text = String(Number(value.toPrecision(places || 1)));
    if (flags.includes("+") && value >= 0) text = `+${text}`;
  } else if (digits) {
    text = text.slice(0, Number(digits));
  }
  return typeof value === "number" ? text.padStart(width, flags.includes("0") ? "0" : " ") : text.padEnd(width);
}

// Converts a mask "HEIGHTxWIDTH:COUNTS" to a path. The counts are COCO's: runs down each column, five bits per
// character, and differences from the third one on.
function maskOf(text) {
  const [, height, width, letters = ""] = /^(\d+)x(\d+):(.*)$/.exec(text) ?? [];
  const counts = [];
  for (let at = 0; at < letters.length; ) {
    let [number, place, bits] = [0, 1, 0];
    do {
      bits = letters.charCodeAt(at++) - 48;
      number += (bits & 31) * place;
      place *= 32;
    } while (bits & 32);
    if (bits & 16) number -= place;
    counts.push(counts.length > 2 ? number + counts.at(-2) : number);
  }
  const path = new Path2D();
  let at = 0;
  counts.forEach((count, index) => {
    const end = at + count;
    while (index % 2 === 1 && at < end) {
      const column = Math.floor(at / height);
      const next = Math.min(end, (column + 1) * height);
      path.rect(column, at - column * height, 1, next - at);
      at = next;
    }
    at = end;
  });
  return { path, width, height };
}

const colourOf = ({ tracker_id, class_id }) => COLOURS[Math.abs(tracker_id ?? class_id ?? 0) % COLOURS.length];

export class Drawing {
  #canvas;
  #context;
  #width = 0; // px at which the page shows the canvas
  #ratio = 16 / 9;
  #source = { width: 0, height: 0 }; // px
  #turn = NO_TURN; // makes the images upright
  #found = { width: 0, height: 0 }; // size in px of the image in which the drawn objects were found

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false });
  }

  // Pixels of the screen, of which the canvas gets as many as it covers.
  resize(width) {
    this.#width = Math.min(WIDEST, Math.round(width * devicePixelRatio));
    this.#fit();
  }

  begin({ width, height, turn }) {
    this.#source = this.#found = { width, height };
    this.#turn = turn ?? NO_TURN;
    if (width > 0 && height > 0) this.#shape(width / height);
  }

  #shape(ratio) {
    if (Math.abs(ratio - this.#ratio) < 1e-3) return;
    this.#ratio = ratio;
    this.#fit();
  }

  // Resizing a canvas clears it, so it is resized only when the next image is drawn.
  #fit() {
    const width = this.#width || 640;
    const height = Math.round(width / this.#ratio);
    if (this.#canvas.width === width && this.#canvas.height === height) return;
    const before = this.#canvas.width > 1 ? copyOf(this.#canvas) : null;
    Object.assign(this.#canvas, { width, height });
    if (before) this.#context.drawImage(before, 0, 0, width, height);
  }

  // Done first, because a video advances in the meantime.
  picture(image) {
    this.#upright(image);
    const across = image.displayWidth ?? image.videoWidth ?? image.width;
    const down = image.displayHeight ?? image.videoHeight ?? image.height;
    const [width, height] = this.#lies ? [down, across] : [across, down];
    if (this.#source.width === 0) this.#source = { width, height };
    if (height > 0 && Math.abs(width / height - this.#ratio) > 0.02) {
      this.#shape(width / height);
      this.#upright(image);
    }
  }

  get #lies() {
    return this.#turn.quarters % 2 === 1;
  }

  // Images arrive as they are stored: first their rows are reversed, then they are rotated clockwise.
  #upright(image) {
    const { width, height } = this.#canvas;
    const [across, down] = this.#lies ? [height, width] : [width, height];
    this.#context.save();
    this.#context.translate(width / 2, height / 2);
    this.#context.rotate((this.#turn.quarters * Math.PI) / 2);
    if (this.#turn.flip) this.#context.scale(1, -1);
    this.#context.drawImage(image, -across / 2, -down / 2, across, down);
    this.#context.restore();
  }

  // Pixels of the canvas per pixel of the image in which the objects were found: the source may have been scaled, and
  // its pixels may not be square.
  get #scale() {
    const { width, height } = this.#found;
    return width > 0 ? [this.#canvas.width / width, this.#canvas.height / height] : [1, 1];
  }

  #at([x, y]) {
    const [across, down] = this.#scale;
    return [x * across, y * down];
  }

  // `size`: [width, height] of the image in which the objects were found; default: the source's. `dashed`: the objects
  // are those of an earlier image. `chosen`: the object that has the keyboard focus. Borders are drawn below the
  // objects, and no line is drawn over text.
  overlay({ objects, lines, zones, size, labels, dashed, chosen }) {
    this.#found = size ? { width: size[0], height: size[1] } : this.#source;
    const unit = Math.max(1, devicePixelRatio);
    const context = this.#context;
    context.save();
    context.lineJoin = "round";
    context.font = `600 ${12 * unit}px system-ui, sans-serif`;
    context.textBaseline = "middle";
    context.strokeStyle = COUNTED;
    context.lineWidth = 1.5 * unit;
    for (const { corners } of zones ?? []) this.#path(corners, true);
    for (const { start, end } of lines ?? []) this.#path([start, end], false);
    for (const object of objects) if (object.columns.mask) this.#mask(object);
    for (const object of objects) {
      context.setLineDash(dashed ? DASHES.map((dash) => dash * unit) : []);
      context.lineWidth = (object === chosen ? 5 : 2) * unit;
      context.strokeStyle = colourOf(object);
      this.#outline(object);
      context.setLineDash([]);
      this.#points(object, unit);
    }
    for (const object of objects) this.#label(object, labels === "" ? "" : labelOf(object, labels), unit);
    for (const zone of zones ?? []) this.#countsOfZone(zone, unit);
    for (const line of lines ?? []) this.#countsOfLine(line, unit);
    context.restore();
  }

  #outline({ box, circle, corners }) {
    if (corners) {
      this.#path(corners, true);
      return;
    }
    const [across, down] = this.#scale;
    this.#context.beginPath();
    if (box) this.#context.rect(...this.#at(box), (box[2] - box[0]) * across, (box[3] - box[1]) * down);
    else this.#context.ellipse(...this.#at(circle), circle[2] * across, circle[2] * down, 0, 0, 2 * Math.PI);
    this.#context.stroke();
  }

  #path(corners, closed) {
    this.#context.beginPath();
    for (const corner of corners) this.#context.lineTo(...this.#at(corner));
    if (closed) this.#context.closePath();
    this.#context.stroke();
  }

  #mask(object) {
    const { path, width, height } = maskOf(object.columns.mask);
    const context = this.#context;
    context.save();
    context.scale(this.#canvas.width / width, this.#canvas.height / height);
    context.globalAlpha = 0.4;
    context.fillStyle = colourOf(object);
    context.fill(path);
    context.restore();
  }

  #points({ points, ...object }, unit) {
    for (let at = 0; points.length === 17 && at < BONES.length; at += 2) {
      const bone = [points[BONES[at]], points[BONES[at + 1]]];
      if (bone[0] && bone[1]) this.#path(bone, false);
    }
    this.#context.fillStyle = colourOf(object);
    for (const point of points) {
      if (point === null) continue;
      this.#context.beginPath();
      this.#context.arc(...this.#at(point), 3 * unit, 0, 2 * Math.PI);
      this.#context.fill();
    }
  }

  #label(object, text, unit) {
    const corner = object.box ?? [object.circle[0] - object.circle[2], object.circle[1] - object.circle[2]];
    const [x, y] = this.#at(corner);
    const half = this.#widthOf(text, unit) / 2;
    this.#tag([x - unit + half, y - 8 * unit], text, colourOf(object), unit);
  }

  #widthOf(text, unit) {
    return this.#context.measureText(text).width + 8 * unit;
  }

  // Draws text on a background of that color, centered at a point and kept inside the canvas.
  #tag([x, y], text, colour, unit) {
    if (text === "") return;
    const [width, height] = [this.#widthOf(text, unit), 16 * unit];
    const left = Math.max(0, Math.min(x - width / 2, this.#canvas.width - width));
    const top = Math.max(0, Math.min(y - height / 2, this.#canvas.height - height));
    this.#context.fillStyle = colour;
    this.#context.fillRect(left, top, width, height);
    this.#context.fillStyle = "#10161d";
    this.#context.fillText(text, left + 4 * unit, top + height / 2);
  }

  // The number of objects inside, at the center.
  #countsOfZone({ name, corners, inside }, unit) {
    const middle = [0, 1].map((axis) => corners.reduce((sum, corner) => sum + corner[axis], 0) / corners.length);
    const text = [name, inside?.length].filter((part) => part !== "" && part !== undefined).join(" ");
    this.#tag(this.#at(middle), text, COUNTED, unit);
  }

  // Each number is on the side to which the counted objects moved.
  #countsOfLine({ name, forward, backward, ...line }, unit) {
    const [start, end] = [this.#at(line.start), this.#at(line.end)];
    const [dx, dy] = [end[0] - start[0], end[1] - start[1]];
    const middle = [start[0] + dx / 2, start[1] + dy / 2];
    const share = (18 * unit) / Math.hypot(dx, dy);
    const beside = (side) => [middle[0] - side * share * dy, middle[1] + side * share * dx];
    this.#tag(start, name, COUNTED, unit);
    if (forward === undefined) return;
    this.#tag(beside(1), String(forward), COUNTED, unit);
    this.#tag(beside(-1), String(backward), COUNTED, unit);
  }

  // The smallest object at a position in the page.
  at(objects, { clientX, clientY }) {
    const shown = this.#canvas.getBoundingClientRect(); // the image is in its middle, as large as possible
    const ratio = this.#canvas.width / this.#canvas.height;
    const width = Math.min(shown.width, shown.height * ratio);
    const height = width / ratio;
    const x = ((clientX - shown.left - (shown.width - width) / 2) * this.#found.width) / width;
    const y = ((clientY - shown.top - (shown.height - height) / 2) * this.#found.height) / height;
    const area = ({ box, circle }) => (box ? (box[2] - box[0]) * (box[3] - box[1]) : Math.PI * circle[2] ** 2);
    const inside = ({ box, circle }) =>
      box
        ? x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]
        : Math.hypot(x - circle[0], y - circle[1]) <= circle[2];
    return objects.filter(inside).sort((a, b) => area(a) - area(b))[0] ?? null;
  }
}

function copyOf(canvas) {
  const copy = document.createElement("canvas");
  Object.assign(copy, { width: canvas.width, height: canvas.height });
  copy.getContext("2d").drawImage(canvas, 0, 0);
  return copy;
}

// A picture and its results in one canvas: boxes, circles, key points, lines and zones, sharp at any size.
// SPDX-License-Identifier: Apache-2.0

const EIGHTH = 1 / 8; // of a pixel: the unit of places in results
const WIDEST = 2560; // px of the canvas
const COLOURS = ["#35d6a0", "#5eb1ff", "#f2b84b", "#ff8fab", "#bd9bff", "#7ee0ff", "#d4e157", "#ffab70"];
const DASHES = [6, 4];
const FIELD = /\{(\w+)(?::([^}]*))?\}/g;

// The objects of a result: {index, id, class, name, score, box or circle, points, columns}.
export function objectsOf(result, names) {
  if (result === null) return [];
  const { boxes = [], circles = [], classes, scores, ids, keypoints, columns = {} } = result;
  const places = [];
  for (let at = 0; at < boxes.length; at += 4) places.push({ box: boxes.slice(at, at + 4).map((x) => x * EIGHTH) });
  for (let at = 0; at < circles.length; at += 3)
    places.push({ circle: circles.slice(at, at + 3).map((x) => x * EIGHTH) });
  const count = keypoints?.count ?? 0;
  return places.map((place, index) => ({
    ...place,
    index,
    id: ids?.[index],
    class: classes?.[index],
    name: names?.[classes?.[index]] ?? (classes ? String(classes[index]) : place.circle ? "circle" : "object"),
    score: scores === undefined ? undefined : scores[index] / 1000,
    points: (keypoints?.xy ?? []).slice(2 * count * index, 2 * count * (index + 1)),
    columns: Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[index]])),
  }));
}

// Writes a label's fields as Python does. A field without a value is left out with the text up to the next one.
export function labelOf(object, pattern) {
  const values = { ...object.columns, id: object.id, class: object.name, confidence: object.score };
  const fields = [...pattern.matchAll(FIELD)];
  let label = pattern.slice(0, fields[0]?.index);
  fields.forEach((field, index) => {
    const value = values[field[1]];
    if (value === undefined || value === null || value === "" || Number.isNaN(value)) return;
    label += formatted(value, field[2] ?? "") + pattern.slice(field.index + field[0].length, fields[index + 1]?.index);
  });
  return label.trim();
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

const colourOf = ({ id, class: number }) => COLOURS[Math.abs(id ?? number ?? 0) % COLOURS.length];

export class Drawing {
  #canvas;
  #context;
  #width = 0; // px at which the page shows the canvas
  #ratio = 16 / 9;
  #source = { width: 0, height: 0 }; // px to which results refer

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false });
  }

  // Pixels of the screen, of which the canvas gets as many as it covers.
  resize(width) {
    this.#width = Math.min(WIDEST, Math.round(width * devicePixelRatio));
    this.#fit();
  }

  begin({ width, height }) {
    this.#source = { width, height };
    if (width > 0 && height > 0) this.#shape(width / height);
  }

  #shape(ratio) {
    if (Math.abs(ratio - this.#ratio) < 1e-3) return;
    this.#ratio = ratio;
    this.#fit();
  }

  // A canvas that gets another size is black: it keeps its picture until the next one comes.
  #fit() {
    const width = this.#width || 640;
    const height = Math.round(width / this.#ratio);
    if (this.#canvas.width === width && this.#canvas.height === height) return;
    const before = this.#canvas.width > 1 ? copyOf(this.#canvas) : null;
    Object.assign(this.#canvas, { width, height });
    if (before) this.#context.drawImage(before, 0, 0, width, height);
  }

  // The first step, as a video goes on to its next picture meanwhile.
  picture(image) {
    this.#context.drawImage(image, 0, 0, this.#canvas.width, this.#canvas.height);
    const width = image.displayWidth ?? image.videoWidth ?? image.width;
    const height = image.displayHeight ?? image.videoHeight ?? image.height;
    if (this.#source.width === 0) this.#source = { width, height };
    if (height > 0 && Math.abs(width / height - this.#ratio) > 0.02) {
      this.#shape(width / height);
      this.#context.drawImage(image, 0, 0, this.#canvas.width, this.#canvas.height);
    }
  }

  get #scale() {
    return this.#source.width > 0 ? this.#canvas.width / this.#source.width : 1;
  }

  // `dashed`: the objects are those of an earlier picture. `chosen`: the object that has the keyboard's focus.
  overlay({ objects, lines, zones, labels, dashed, chosen }) {
    const unit = Math.max(1, devicePixelRatio);
    const context = this.#context;
    context.save();
    context.lineJoin = "round";
    context.font = `600 ${12 * unit}px system-ui, sans-serif`;
    context.textBaseline = "top";
    for (const zone of zones ?? []) this.#figure(zone.corners, { closed: true, name: zone.name, unit });
    for (const line of lines ?? []) this.#figure([line.start, line.end], { closed: false, name: line.name, unit });
    for (const object of objects) {
      context.setLineDash(dashed ? DASHES.map((dash) => dash * unit) : []);
      context.lineWidth = (object === chosen ? 5 : 2) * unit;
      context.strokeStyle = colourOf(object);
      this.#outline(object);
      context.setLineDash([]);
      this.#points(object, unit);
      this.#label(object, labels === "" ? "" : labelOf(object, labels), unit);
    }
    context.restore();
  }

  #outline({ box, circle }) {
    const scale = this.#scale;
    this.#context.beginPath();
    if (box) this.#context.rect(box[0] * scale, box[1] * scale, (box[2] - box[0]) * scale, (box[3] - box[1]) * scale);
    else this.#context.arc(circle[0] * scale, circle[1] * scale, circle[2] * scale, 0, 2 * Math.PI);
    this.#context.stroke();
  }

  #points(object, unit) {
    this.#context.fillStyle = colourOf(object);
    for (let at = 0; at < object.points.length; at += 2) {
      const [x, y] = object.points.slice(at, at + 2);
      if (x === null) continue;
      this.#context.beginPath();
      this.#context.arc(x * EIGHTH * this.#scale, y * EIGHTH * this.#scale, 3 * unit, 0, 2 * Math.PI);
      this.#context.fill();
    }
  }

  #label(object, text, unit) {
    if (text === "") return;
    const [x, y] = object.box ?? [object.circle[0] - object.circle[2], object.circle[1] - object.circle[2]];
    const width = this.#context.measureText(text).width + 8 * unit;
    const height = 16 * unit;
    const left = Math.max(0, Math.min(x * this.#scale - unit, this.#canvas.width - width));
    const top = Math.max(0, y * this.#scale - height);
    this.#context.fillStyle = colourOf(object);
    this.#context.fillRect(left, top, width, height);
    this.#context.fillStyle = "#10161d";
    this.#context.fillText(text, left + 4 * unit, top + 2 * unit);
  }

  #figure(corners, { closed, name, unit }) {
    if (corners.length === 0) return;
    const scaled = corners.map(([x, y]) => [x * this.#scale, y * this.#scale]);
    this.#context.strokeStyle = "#ffffff";
    this.#context.lineWidth = 1.5 * unit;
    this.#context.beginPath();
    scaled.forEach(([x, y], index) => (index === 0 ? this.#context.moveTo(x, y) : this.#context.lineTo(x, y)));
    if (closed) this.#context.closePath();
    this.#context.stroke();
    this.#context.fillStyle = "#ffffff";
    this.#context.fillText(name, scaled[0][0] + 4 * unit, scaled[0][1] + 4 * unit);
  }

  // The smallest object at a point of the page.
  at(objects, { clientX, clientY }) {
    const shown = this.#canvas.getBoundingClientRect();
    const scale = this.#source.width / shown.width;
    const [x, y] = [(clientX - shown.left) * scale, (clientY - shown.top) * scale];
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

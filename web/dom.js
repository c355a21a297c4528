// Creates and updates elements. Text is always inserted as text nodes, so that a name cannot become markup.
// SPDX-License-Identifier: Apache-2.0

const SVG = "http://www.w3.org/2000/svg";

// el("p", {class: "x", onclick: f}, "text", child): strings become text nodes, null is skipped.
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Writes only if the value has changed, to preserve the user's text selection and avoid a layout.
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

export function attribute(element, name, value) {
  if (value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

export const byId = (id) => document.getElementById(id);

// Adds a term and its value to a <dl>. Returns the element of the value.
export function fact(list, term, title) {
  const value = el("dd", { class: "num" }, "–");
  list.append(el("div", { title }, el("dt", {}, term), value));
  return value;
}

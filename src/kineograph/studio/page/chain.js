// A Markov chain as a graph: states on a ring, arrows as strong as they are likely; click to walk.

import { h, scrolled, svg } from "./dom.js";

const MOST = 14;

export function walk(facts) {
  const { states, contexts, matrix } = facts;
  if (states.length > MOST || contexts.some((one) => one.length !== 1)) return table(facts);
  const at = (i, r = 120) => {
    const angle = (i / states.length) * 2 * Math.PI - Math.PI / 2;
    return [180 + r * Math.cos(angle), 180 + r * Math.sin(angle)];
  };
  const row = Object.fromEntries(contexts.map(([name], i) => [name, matrix[i]]));
  const arrows = [], nodes = [];
  let here = states[0];
  const path = [here];
  const said = h("p", { class: "walked", "aria-live": "polite" }, "Click a state to walk on from it.");
  states.forEach((from, i) => (row[from] || []).forEach((share, j) => {
    if (share < 0.005) return;
    const [x, y] = at(i), [u, v] = at(j);
    const bend = i === j ? `M ${x} ${y} C ${at(i, 215).join(" ")}, ${at(i + 0.45, 200).join(" ")}, ${x} ${y}`
      : `M ${x} ${y} Q ${(x + u) / 2 + (v - y) * 0.16} ${(y + v) / 2 - (u - x) * 0.16} ${u} ${v}`;
    const line = svg("path", { d: bend, class: "arrow", "stroke-width": String(0.6 + 7 * share), opacity: String(0.25 + 0.7 * share) });
    line.append(svg("title", {}, `${from} → ${states[j]}: ${(100 * share).toFixed(1)} %`));
    arrows.push(line);
  }));
  const step = (from) => {
    const shares = row[from];
    if (!shares) return;
    let left = Math.random();
    const to = shares.findIndex((share) => (left -= share) < 0);
    here = states[Math.max(0, to)];
    path.push(here);
    said.textContent = path.slice(-9).join(" → ");
    nodes.forEach((node, i) => node.classList.toggle("here", states[i] === here));
  };
  states.forEach((name, i) => {
    const [x, y] = at(i);
    const act = (event) => { if (event.type === "click" || ["Enter", " "].includes(event.key)) { event.preventDefault(); step(name); } };
    const node = svg("g", { class: "node", role: "button", tabindex: "0", "aria-label": `${name}: walk on`, onclick: act, onkeydown: act },
      svg("circle", { cx: String(x), cy: String(y), r: "30" }), svg("text", { x: String(x), y: String(y + 5), "text-anchor": "middle" }, name.slice(0, 9)));
    nodes.push(node);
  });
  return h("div", { class: "chain" }, svg("svg", { viewBox: "-20 -20 400 400", role: "group", "aria-label": "States and how often one follows another" }, ...arrows, ...nodes), said, table(facts));
}

function table({ states, contexts, matrix, long_run: ends }) {
  const head = h("tr", {}, h("th", {}, "from"), states.map((name) => h("th", { scope: "col" }, `to ${name}`)));
  const cell = (share) => {
    const made = h("td", {}, `${(100 * share).toFixed(0)} %`);
    made.style.setProperty("--share", String(share));
    return made;
  };
  const rows = contexts.slice(0, 40).map((context, i) => h("tr", {}, h("th", { scope: "row" }, context.join(" ")), matrix[i].map(cell)));
  const long = (ends || []).map((end) => h("tr", { class: "long" }, h("th", { scope: "row" }, "in the long run"), end.shares.map(cell)));
  return scrolled("div", "heat", "Shares of what follows", h("table", {}, h("thead", {}, head), h("tbody", {}, rows, long)));
}

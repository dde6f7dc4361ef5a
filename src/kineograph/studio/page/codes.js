// Codes of a picture as they are written: a square a code, its hue its number, the newest framed.

import { h } from "./dom.js";

const CELL = 14;
const hue = (code) => (code * 137.508) % 360;

// step: { grid, codes } with -1 for what is still open.
export function codes({ grid, codes: written }) {
  const sheet = h("canvas", { width: grid * CELL, height: grid * CELL, class: "codes", role: "img", tabindex: "0",
    "aria-label": `${written.filter((code) => code >= 0).length} of ${grid * grid} codes are written` });
  const told = h("p", { class: "quiet" });
  const pen = sheet.getContext("2d");
  written.forEach((code, i) => {
    if (code < 0) return;
    pen.fillStyle = `hsl(${hue(code)} 55% 58%)`;
    pen.fillRect((i % grid) * CELL, Math.floor(i / grid) * CELL, CELL - 1, CELL - 1);
  });
  const newest = written.length - 1;
  if (written.length < grid * grid) {
    pen.strokeStyle = "#fff";
    pen.lineWidth = 2;
    pen.strokeRect((newest % grid) * CELL + 1, Math.floor(newest / grid) * CELL + 1, CELL - 3, CELL - 3);
  }
  const say = (i) => { told.textContent = written[i] >= 0 ? `place ${i + 1}: code ${written[i]}` : `place ${i + 1} is still open`; };
  sheet.addEventListener("pointermove", (event) => {
    const box = sheet.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * grid), y = Math.floor(((event.clientY - box.top) / box.height) * grid);
    if (x >= 0 && x < grid && y >= 0 && y < grid) say(y * grid + x);
  });
  say(newest);
  return h("div", { class: "written" }, sheet, told);
}

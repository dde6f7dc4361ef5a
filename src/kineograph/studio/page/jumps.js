// Which frame may follow which: the matrix as a heat map; a cell that is touched plays its jump.

import { h, loaded } from "./dom.js";
import { of } from "./api.js";

const BEFORE = 10, AFTER = 12, NEAR = 4;

export async function jumps(job, view) {
  const [alike, reel] = await Promise.all([loaded(of(job.id, "inside/alike.webp")), loaded(of(job.id, "inside/reel.webp"))]);
  const n = view.frames, cell = Math.max(2, Math.floor(420 / n)), side = n * cell, [wide, tall] = view.frame;
  const map = h("canvas", { width: side, height: side, class: "matrix", tabindex: "0", role: "application", "aria-label": "Matrix of jumps: arrow keys choose a cell, Enter plays its jump" });
  const screen = h("canvas", { width: wide, height: tall, class: "screen", role: "img", "aria-label": "The jump" });
  const told = h("p", { class: "quiet", "aria-live": "polite" });
  const chances = new Map(view.chances.map(([i, j, share]) => [i * n + j, share]));
  const jump = ([i, j]) => Math.abs(j - (i + 1)) > 0;
  const best = view.chances.filter(jump).sort((a, b) => b[2] - a[2]);
  let at = best.length ? best[0].slice(0, 2) : [n - 1, 0], timer = 0;

  const pen = map.getContext("2d");
  const paint = () => {
    pen.globalAlpha = 1;
    pen.imageSmoothingEnabled = false;
    pen.drawImage(alike, 0, 0, side, side);
    pen.fillStyle = "#14110f";
    pen.globalAlpha = 0.62;
    pen.fillRect(0, 0, side, side);
    for (const [i, j, share] of view.chances) {
      pen.globalAlpha = 0.3 + 0.7 * Math.sqrt(share);
      pen.fillStyle = jump([i, j]) ? "#ffb454" : "#63d2c6";
      pen.fillRect(j * cell, i * cell, cell, cell);
    }
    pen.globalAlpha = 1;
    pen.strokeStyle = "#fff";
    pen.lineWidth = 2;
    pen.strokeRect(at[1] * cell - 2, at[0] * cell - 2, cell + 4, cell + 4);
  };
  const show = (frame) => {
    const brush = screen.getContext("2d");
    brush.clearRect(0, 0, wide, tall);
    brush.drawImage(reel, (frame % view.columns) * wide, Math.floor(frame / view.columns) * tall, wide, tall, 0, 0, wide, tall);
  };
  const say = () => {
    const [i, j] = at, share = chances.get(i * n + j) || 0;
    told.textContent = `frame ${i * view.stride} → ${j * view.stride}: ${share ? `${(100 * share).toFixed(share < 0.01 ? 2 : 1)} %` : "never in play"}${jump(at) ? "" : " (it plays on)"}`;
  };
  const play = () => {
    const [i, j] = at;
    const frames = [...Array.from({ length: BEFORE }, (_, k) => i - BEFORE + 1 + k), ...Array.from({ length: AFTER }, (_, k) => j + k)].filter((one) => one >= 0 && one < n);
    clearInterval(timer);
    let k = 0;
    timer = setInterval(() => {
      if (!screen.isConnected || k >= frames.length) return clearInterval(timer);
      screen.classList.toggle("jumped", frames[k] >= j && k >= Math.min(BEFORE, i + 1));
      show(frames[k++]);
    }, 1000 / view.fps);
  };
  const choose = (i, j, plays) => {
    at = [Math.max(0, Math.min(n - 1, i)), Math.max(0, Math.min(n - 1, j))];
    paint();
    say();
    if (plays) play();
  };
  // The nearest jump that play takes, so that a finger need not hit one cell.
  const snapped = (i, j) => {
    const known = best.map(([a, b]) => [Math.max(Math.abs(a - i), Math.abs(b - j)), a, b]).sort((x, y) => x[0] - y[0])[0];
    return known && known[0] * cell <= NEAR * Math.max(cell, 3) && !chances.has(i * n + j) ? [known[1], known[2]] : [i, j];
  };
  map.addEventListener("pointerdown", (event) => {
    const box = map.getBoundingClientRect();
    const part = (value, start, length) => Math.floor(((value - start) / length) * n);
    choose(...snapped(part(event.clientY, box.top, box.height), part(event.clientX, box.left, box.width)), true);
  });
  map.addEventListener("keydown", (event) => {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (move) { event.preventDefault(); choose(at[0] + move[0], at[1] + move[1], false); }
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); play(); }
  });
  choose(...at, false);
  show(at[0]);
  const named = best.slice(0, 6).map(([i, j, share]) => h("button", { type: "button", onclick: () => choose(i, j, true) }, `${i * view.stride} → ${j * view.stride}`, h("small", {}, `${(100 * share).toFixed(1)} %`)));
  return h("details", { class: "inside", open: true }, h("summary", {}, "See inside: which frame may follow which"),
    h("p", { class: "quiet" }, "Down: the frame that is shown. Across: the one after it. Bright ground: frames alike. Amber: a jump that play takes. Touch a cell to see its jump."),
    h("div", { class: "opened" }, map, h("div", {}, screen, told, h("div", { class: "row" }, h("button", { type: "button", onclick: play }, "▶ Play this jump")), named.length ? h("p", { class: "quiet" }, "The likeliest jumps:") : "", h("div", { class: "row" }, named))));
}

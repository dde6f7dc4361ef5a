// Where every pixel was copied from, what else could have been, and how it grew, pixel by pixel.

import { h, loaded } from "./dom.js";
import { get, of, shown } from "./api.js";

const numbers = (text) => new Uint32Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);

export async function sources(job, view, acts) {
  const [width, height] = view.size;
  const from = numbers(view.from), turns = view.turns ? numbers(view.turns) : null;
  const begins = view.examples.map((_, k) => view.examples.slice(0, k).reduce((sum, [w, hi]) => sum + w * hi, 0));
  const picture = await loaded(of(job.id, "file"));
  const pixels = read(picture, width, height);
  const examples = await Promise.all(view.examples.map(([w, hi], k) => (view.places[k] ? loaded(shown(view.places[k])).then((one) => read(one, w, hi)).catch(() => null) : null)));
  const scale = Math.max(1, Math.floor(300 / Math.max(width, height)));
  const made = h("canvas", { width: width * scale, height: height * scale, class: "grown", tabindex: "0", role: "application", "aria-label": "The result: point at a pixel, or move with the arrow keys" });
  const sheets = view.examples.map(([w, hi], k) => { const s = Math.max(1, Math.floor(220 / Math.max(w, hi))); return { k, s, w, hi, canvas: h("canvas", { width: w * s, height: hi * s, role: "img", "aria-label": `Example ${k + 1}` }) }; });
  const told = h("p", { class: "quiet", "aria-live": "polite" });
  const whole = turns ? turns.reduce((most, one) => Math.max(most, one), 0) : 0;
  const grown = h("input", { type: "range", min: "0", max: String(whole), value: String(whole), "aria-label": "Pixels grown so far" });
  const coloured = h("input", { type: "checkbox", "aria-label": "Show the map" });
  let at = [Math.floor(width / 2), Math.floor(height / 2)], candidates = null, timer = 0, wait = 0, asked = 0;

  const origin = (x, y) => {
    const place = from[y * width + x];
    let k = begins.length - 1;
    while (k && begins[k] > place) k -= 1;
    return [k, (place - begins[k]) % view.examples[k][0], Math.floor((place - begins[k]) / view.examples[k][0])];
  };
  const paint = () => {
    const most = Number(grown.value), small = new ImageData(width, height);
    for (let i = 0; i < width * height; i += 1) {
      if (turns && turns[i] > most) continue;
      if (coloured.checked) {
        const [k, x, y] = origin(i % width, Math.floor(i / width));
        small.data.set([(255 * x) / view.examples[k][0], (255 * y) / view.examples[k][1], 128 + (127 * k) / begins.length, 255], i * 4);
      } else small.data.set(pixels.data.subarray(i * 4, i * 4 + 4), i * 4);
    }
    const pen = stretched(made, small, scale);
    if (candidates && view.window) {
      const half = Math.floor(view.window / 2);
      pen.fillStyle = "#63d2c677";
      for (const [dx, dy] of candidates.known) pen.fillRect((at[0] + dx) * scale, (at[1] + dy) * scale, scale, scale);
      pen.strokeStyle = "#63d2c6";
      pen.strokeRect((at[0] - half) * scale, (at[1] - half) * scale, view.window * scale, view.window * scale);
    }
    ring(pen, at[0], at[1], scale, "#fff");
    const [k, x, y] = origin(...at);
    for (const sheet of sheets) {
      const own = sheet.canvas.getContext("2d");
      if (examples[sheet.k]) stretched(sheet.canvas, examples[sheet.k], sheet.s);
      else { own.fillStyle = "#6b5d4f"; own.fillRect(0, 0, sheet.canvas.width, sheet.canvas.height); }
      for (const [e, cx, cy] of candidates?.found || []) if (e === sheet.k) ring(own, cx, cy, sheet.s, "#63d2c6");
      if (k === sheet.k) ring(own, x, y, sheet.s, "#ffb454");
    }
  };
  const say = () => {
    const [k, x, y] = origin(...at), turn = turns ? turns[at[1] * width + at[0]] : 1;
    const where = `${x},${y} of ${(view.places[k] || `example ${k + 1}`).split("/").pop()}`;
    told.textContent = `Pixel ${at.join(",")}${turn ? `${turns ? `, number ${turn.toLocaleString("en")} of ${whole.toLocaleString("en")},` : ""} was copied from ${where}.` : " was there before."}${candidates ? choice(candidates) : ""}`;
  };
  const choice = ({ count }) => (count ? ` ${count === 1 ? "One window was" : `${count} windows were`} near enough to what was around it; one was drawn.` : " It was begun with, not looked for.");
  const point = (x, y) => {
    at = [Math.max(0, Math.min(width - 1, x)), Math.max(0, Math.min(height - 1, y))];
    candidates = null;
    paint();
    say();
    clearTimeout(wait);
    if (view.candidates && turns[at[1] * width + at[0]]) wait = setTimeout(ask, 160);
  };
  const ask = async () => {
    const turn = ++asked, [x, y] = at;
    const found = await get(`/results/${job.id}/candidates?x=${x}&y=${y}`).catch(() => null);
    if (turn !== asked || at[0] !== x || at[1] !== y || !made.isConnected) return;
    candidates = found;
    paint();
    say();
  };
  made.addEventListener("pointermove", (event) => {
    const box = made.getBoundingClientRect();
    point(Math.floor(((event.clientX - box.left) / box.width) * width), Math.floor(((event.clientY - box.top) / box.height) * height));
  });
  made.addEventListener("keydown", (event) => {
    const move = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (move) { event.preventDefault(); point(at[0] + move[0], at[1] + move[1]); }
  });
  const stop = () => { cancelAnimationFrame(timer); timer = 0; play.textContent = "▶ Watch it grow"; };
  const play = h("button", { type: "button", onclick: () => {
    if (timer) return stop();
    play.textContent = "❚❚ Stop";
    if (Number(grown.value) >= whole) grown.value = "0";
    candidates = null;
    const begun = performance.now(), first = Number(grown.value), pace = whole / 8000;
    const next = (now) => {
      grown.value = String(Math.min(whole, Math.round(first + (now - begun) * pace)));
      paint();
      if (!play.isConnected || Number(grown.value) >= whole) return stop();
      timer = requestAnimationFrame(next);
    };
    timer = requestAnimationFrame(next);
  } }, "▶ Watch it grow");
  grown.addEventListener("input", paint);
  coloured.addEventListener("change", paint);
  point(...at);
  const again = h("button", { type: "button", onclick: () => acts.use({ verb: "texture apply", map: `results/${job.id}/map.npz`, others: view.places }) }, "Copy other pictures by this map");
  return h("details", { class: "inside", open: true }, h("summary", {}, "See inside: where every pixel came from"),
    turns ? h("div", { class: "row scrubber" }, play, grown) : "",
    h("div", { class: "opened" }, made, h("div", {}, h("div", { class: "row" }, sheets.map((one) => one.canvas)), told)),
    h("div", { class: "row" }, h("label", { class: "mini" }, coloured, "show the map"), again));
}

function read(image, width, height) {
  const sheet = h("canvas", { width, height });
  const pen = sheet.getContext("2d", { willReadFrequently: true });
  pen.drawImage(image, 0, 0, width, height);
  return pen.getImageData(0, 0, width, height);
}

function stretched(canvas, small, scale) {
  const sheet = h("canvas", { width: small.width, height: small.height });
  sheet.getContext("2d").putImageData(small, 0, 0);
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(sheet, 0, 0, small.width * scale, small.height * scale);
  return pen;
}

function ring(pen, x, y, scale, colour) {
  pen.lineWidth = 2;
  pen.strokeStyle = "#000a";
  pen.strokeRect(x * scale - 2, y * scale - 2, scale + 4, scale + 4);
  pen.strokeStyle = colour;
  pen.strokeRect(x * scale - 1, y * scale - 1, scale + 2, scale + 2);
}

// Paint a mask over a picture: white where the hole is. Gives a PNG, or nothing.

import { h, loaded } from "./dom.js";

// title: what is brushed. Keys: the arrows move, Space paints, Backspace takes away.
export async function brush(under, before, title) {
  const picture = await loaded(under);
  const width = picture.naturalWidth, height = picture.naturalHeight;
  const mask = h("canvas", { width, height, class: "paint", tabindex: "0", "aria-label": "Brush: drag to paint, Shift to take away; arrow keys move, Space paints, Backspace takes away" });
  const pen = mask.getContext("2d");
  if (before) {
    const old = await loaded(before).catch(() => null);
    if (old && old.naturalWidth === width && old.naturalHeight === height) {
      pen.drawImage(old, 0, 0);
      const known = pen.getImageData(0, 0, width, height);
      for (let i = 0; i < known.data.length; i += 4) {
        known.data[i + 3] = known.data[i] > 127 ? 255 : 0;
        known.data[i] = 255; known.data[i + 1] = 80; known.data[i + 2] = 60;
      }
      pen.putImageData(known, 0, 0);
    }
  }
  const size = h("input", { type: "range", min: "1", max: String(Math.max(4, Math.round(width / 3))), value: String(Math.max(2, Math.round(width / 10))), "aria-label": "Width of the brush" });
  let held = false;
  let at = [width / 2, height / 2];
  const spot = h("i", { class: "spot", "aria-hidden": "true" });
  const place = () => {
    spot.style.left = `${(100 * at[0]) / width}%`;
    spot.style.top = `${(100 * at[1]) / height}%`;
    spot.style.width = `${(100 * Number(size.value)) / width}%`;
  };
  const dot = (away) => {
    pen.globalCompositeOperation = away ? "destination-out" : "source-over";
    pen.fillStyle = "rgb(255,80,60)";
    pen.beginPath();
    pen.arc(at[0], at[1], Number(size.value) / 2, 0, 7);
    pen.fill();
  };
  const dab = (event) => {
    const box = mask.getBoundingClientRect();
    at = [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
    place();
    if (held) dot(event.shiftKey);
  };
  mask.addEventListener("keydown", (event) => {
    const step = Math.max(1, Number(size.value) / 2);
    const move = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (move) at = [Math.max(0, Math.min(width, at[0] + move[0] * step)), Math.max(0, Math.min(height, at[1] + move[1] * step))];
    else if (event.key === " ") dot(false);
    else if (event.key === "Backspace") dot(true);
    else return;
    event.preventDefault();
    place();
  });
  size.addEventListener("input", place);
  place();
  mask.addEventListener("pointerdown", (event) => { held = true; mask.setPointerCapture(event.pointerId); dab(event); });
  mask.addEventListener("pointermove", dab);
  mask.addEventListener("pointerup", () => { held = false; });
  return new Promise((done) => {
    const close = (value) => { dialog.close(); dialog.remove(); done(value); };
    const keep = () => {
      const whole = h("canvas", { width, height });
      const flat = whole.getContext("2d");
      const painted = pen.getImageData(0, 0, width, height);
      for (let i = 0; i < painted.data.length; i += 4) {
        const on = painted.data[i + 3] > 127 ? 255 : 0;
        painted.data[i] = painted.data[i + 1] = painted.data[i + 2] = on;
        painted.data[i + 3] = 255;
      }
      flat.putImageData(painted, 0, 0);
      whole.toBlob(close, "image/png");
    };
    const dialog = h("dialog", { class: "brushing", "aria-label": title },
      h("h2", {}, title), h("p", { class: "quiet" }, "Drag to paint, with Shift to take away. By keys: arrows, Space, Backspace."),
      h("div", { class: "easel" }, h("img", { src: under, alt: "" }), mask, spot),
      h("div", { class: "row" }, h("label", {}, "Brush ", size),
        h("button", { type: "button", onclick: () => pen.clearRect(0, 0, width, height) }, "Clear"),
        h("button", { type: "button", onclick: () => close(null) }, "Leave"),
        h("button", { type: "button", class: "go", onclick: keep }, "Use it")));
    dialog.addEventListener("cancel", () => close(null));
    document.body.append(dialog);
    dialog.showModal();
  });
}

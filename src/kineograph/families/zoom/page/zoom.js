// Shows a zoom stack at any depth. A frame is drawn as flight.py draws it: the level at hand
// enlarged, and up to two finer ones laid into its middle through a soft border.
"use strict";
(async () => {
  const stack = JSON.parse(document.getElementById("stack").textContent);
  const { ratio, feather, texts, fps } = stack;
  const load = async (source) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    return image;
  };
  const levels = await Promise.all(stack.levels.map((frames) => Promise.all(frames.map(load))));
  const deepest = levels.length - 1 + stack.deepest;

  const canvas = document.getElementById("picture");
  const slider = document.getElementById("depth");
  const told = document.getElementById("told");
  const play = document.getElementById("play");
  const screen = canvas.getContext("2d");
  const layer = document.createElement("canvas").getContext("2d");
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  slider.max = canvas.ariaValueMax = String(deepest);

  let depth = 0, aim = 0, flying = 0, moment = 0, before = 0, size = 0;
  const within = (d) => Math.min(Math.max(d, 0), deepest);

  // one level, `zoom` frames wide, about the middle of `into`
  const put = (into, image, zoom) => {
    into.imageSmoothingEnabled = true;
    into.imageSmoothingQuality = "medium";
    const side = size * zoom;
    into.drawImage(image, (size - side) / 2, (size - side) / 2, side, side);
  };

  const soften = (zoom) => {
    const soft = feather * Math.min(1, 4 * (1 - zoom));
    if (soft <= 0) return;
    const from = (size * (1 - zoom)) / 2, to = size - from;
    layer.globalCompositeOperation = "destination-in";
    for (const [x, y] of [[to, from], [from, to]]) {
      const ramp = layer.createLinearGradient(from, from, x, y);
      for (const [at, alpha] of [[0, 0], [soft / 2, 1], [1 - soft / 2, 1], [1, 0]]) {
        ramp.addColorStop(at, `rgba(0,0,0,${alpha})`);
      }
      layer.fillStyle = ramp;
      layer.fillRect(0, 0, size, size);
    }
    layer.globalCompositeOperation = "source-over";
  };

  const draw = () => {
    const base = Math.min(Math.floor(depth + 1e-9), levels.length - 1);
    const share = Math.max(0, depth - base);
    screen.clearRect(0, 0, size, size);
    for (let k = 0; k < 3 && base + k < levels.length; k++) {
      const frames = levels[base + k], zoom = ratio ** (share - k);
      const image = frames[Math.floor(moment * fps) % frames.length];
      if (k === 0) { put(screen, image, zoom); continue; }
      layer.clearRect(0, 0, size, size);
      put(layer, image, zoom);
      soften(zoom);
      screen.drawImage(layer.canvas, 0, 0);
    }
  };

  const tell = () => {
    const nearest = Math.min(Math.round(depth), levels.length - 1);
    const text = `${(ratio ** depth).toPrecision(3)}× ${texts[nearest] || ""}`;
    slider.value = canvas.ariaValueNow = depth.toFixed(3);
    if (told.textContent !== text) told.textContent = canvas.ariaValueText = text;
  };

  // the picture at once, without easing
  const show = (d) => {
    depth = aim = within(d);
    tell();
    draw();
  };

  const fit = () => {
    size = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
    canvas.width = canvas.height = layer.canvas.width = layer.canvas.height = size;
    draw();
  };

  const living = levels.some((frames) => frames.length > 1);
  const tick = (now) => {
    const dt = Math.min(0.1, (now - before) / 1000);
    before = now;
    if (flying) {
      aim = within(aim + (flying * dt * deepest) / stack.seconds);
      if (aim === 0 || aim === deepest) fly(0);
    }
    const moved = Math.abs(aim - depth) > 1e-4;
    if (moved) depth = calm || flying ? aim : depth + (aim - depth) * (1 - Math.exp(-12 * dt));
    if (living && !calm) moment += dt;
    if (moved) tell();
    if (moved || (living && !calm)) draw();
    requestAnimationFrame(tick);
  };

  const fly = (way) => {
    flying = way;
    play.textContent = way ? "Stop" : "Fly";
  };
  const go = (d) => { fly(0); aim = within(d); };
  const toggle = () => fly(flying ? 0 : aim >= deepest ? -1 : 1);

  const step = { ArrowUp: 0.25, ArrowRight: 0.25, "+": 0.25, "=": 0.25, PageUp: 1,
                 ArrowDown: -0.25, ArrowLeft: -0.25, "-": -0.25, PageDown: -1 };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in step) go(aim + step[event.key]);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(deepest);
    else if (event.key === " ") toggle();
    else return;
    event.preventDefault();
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    go(aim - event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002));
  }, { passive: false });

  // one finger drags through the depths, two pinch
  const fingers = new Map();
  const apart = () => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y) || 1;
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  canvas.addEventListener("pointermove", (event) => {
    const last = fingers.get(event.pointerId);
    if (!last) return;
    const was = fingers.size === 2 ? apart() : 0;
    const up = last.y - event.clientY;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size === 1) go(aim + (3 * up) / canvas.clientHeight);
    if (fingers.size === 2) go(aim + Math.log(apart() / was) / Math.log(ratio));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  }
  slider.addEventListener("input", () => { fly(0); show(Number(slider.value)); });
  play.addEventListener("click", toggle);
  new ResizeObserver(fit).observe(canvas);

  fit();
  show(0);
  requestAnimationFrame((now) => { before = now; tick(now); });
  window.player = { show, levels: levels.length, deepest, get depth() { return depth; } };
})();

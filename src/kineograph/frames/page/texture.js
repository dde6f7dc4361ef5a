// The endless player: decoded frames on a canvas, at the clip's own rate, cross-faded at jumps. It never seeks a <video>.
//
// The walk is planned a little ahead, because a fade begins before its jump and pages of the atlas need time to decode. Each planned
// frame remembers the state of the generator, so a new range re-plans from where the picture is.
"use strict";

const clip = JSON.parse(document.getElementById("clip").textContent);
const canvas = document.getElementById("picture");
const context = canvas.getContext("2d");
const controls = {
  play: document.getElementById("play"),
  speed: document.getElementById("speed"),
  from: document.getElementById("from"),
  to: document.getElementById("to"),
  whole: document.getElementById("whole"),
  line: document.getElementById("line"),
  told: document.getElementById("told"),
};
const atlas = openAtlas(clip, 256e6);
const half = clip.fade / 2;
const horizon = Math.ceil(clip.fps) + 2 * clip.fade;

let extra = policy.rangeCost(clip.count, ...clip.range);
let ahead = policy.aheadOf(clip.table, extra);
let plan = []; // {frame, state, run}: run is the time at which its run of neighbours began
let origin = 0; // the time of plan[0]; times count shown frames
let position = 0; // the time now
let drawn = -1;
let playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
let before = null;

/** What the tests read: the frames shown, newest last, when (ms), and how often a page was late. */
const player = { shown: [], times: [], late: 0, seed: seedOf(clip), policy, clip };
window.player = player;

function at(time) {
  while (origin + plan.length <= time) {
    const last = plan[plan.length - 1];
    if (!last) {
      plan.push({ frame: Math.max(policy.home(ahead), clip.range[0]), state: player.seed, run: 0 });
      continue;
    }
    const [frame, state] = policy.stepped(clip.table, extra, ahead, last.frame, last.state);
    const on = clip.circle ? (last.frame + 1) % clip.circle : last.frame + 1;
    plan.push({ frame, state, run: frame === on ? last.run : origin + plan.length });
  }
  return plan[time - origin];
}

/** [frame, weight] of every run that shows at this time: the same ramps as frames/render.py. */
function mixture(time) {
  const runs = new Map();
  for (let t = Math.max(origin, time - clip.fade); t <= time + clip.fade; t++) {
    const entry = at(t);
    const run = runs.get(entry.run) || { start: entry.run, from: t, frame: entry.frame };
    run.end = t + 1;
    runs.set(entry.run, run);
  }
  const parts = [];
  for (const run of runs.values()) {
    const open = run.end <= time + clip.fade;
    let weight = run.start > 0 ? ramp(time + 0.5 - run.start) : 1;
    if (open) weight = Math.min(weight, ramp(run.end - time - 0.5));
    let frame = run.frame + time - run.from;
    if (clip.circle) frame = ((frame % clip.circle) + clip.circle) % clip.circle;
    if (weight > 0 && frame >= 0 && frame < clip.count) parts.push([frame, weight]);
  }
  return parts.length ? parts : [[at(time).frame, 1]];
}

function ramp(inside) {
  return half > 0 ? Math.min(1, Math.max(0, inside / clip.fade + 0.5)) : Number(inside > 0);
}

function draw(parts) {
  const total = parts.reduce((sum, part) => sum + part[1], 0);
  context.globalCompositeOperation = "source-over";
  context.globalAlpha = 1;
  context.clearRect(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (const [frame, weight] of parts) {
    sum += weight;
    if (clip.alpha) {
      context.globalCompositeOperation = "lighter"; // adds colours already multiplied by alpha
      context.globalAlpha = weight / total;
    } else {
      context.globalAlpha = weight / sum; // the mean of what is there and what comes
    }
    atlas.draw(context, frame, 0, 0, canvas.width, canvas.height);
  }
}

function tick(now) {
  requestAnimationFrame(tick);
  const passed = before === null ? 0 : Math.min(250, now - before);
  before = now;
  const speed = Number(controls.speed.value);
  const next = playing ? position + (passed / 1000) * clip.fps * speed : position;
  const time = Math.floor(next);
  if (time === drawn) {
    position = next;
    return;
  }
  for (let t = time; t < time + horizon; t++) atlas.want(at(t).frame);
  for (const off of [-clip.fade, clip.fade]) {
    const beyond = at(time + horizon - 1).frame + off; // what a fade there would need
    if (beyond >= 0 && beyond < clip.count) atlas.want(beyond);
  }
  const parts = mixture(time);
  if (!parts.every(([frame]) => atlas.ready(frame))) {
    player.late += 1; // hold the picture; time waits with it
    return;
  }
  for (let t = Math.max(drawn + 1, origin); t <= time; t++) log(at(t).frame, now);
  position = next;
  drawn = time;
  draw(parts);
  drawLine(at(time).frame);
  forget(time - clip.fade - 2);
}

function log(frame, now) {
  player.shown.push(frame);
  player.times.push(now);
  if (player.shown.length > 4096) {
    player.shown.shift();
    player.times.shift();
  }
}

function forget(time) {
  if (time - origin < 64) return;
  plan.splice(0, time - origin);
  origin = time;
}

/** New wishes count from the frame after the running fade. */
function replan() {
  const first = Math.min(Number(controls.from.value), Number(controls.to.value));
  const last = Math.max(Number(controls.from.value), Number(controls.to.value));
  extra = policy.rangeCost(clip.count, first, last);
  ahead = policy.aheadOf(clip.table, extra);
  plan.length = Math.min(plan.length, Math.max(1, drawn - origin + 1 + Math.ceil(half)));
  say();
}

function drawLine(frame) {
  const line = controls.line;
  const pen = line.getContext("2d");
  const width = (line.width = line.clientWidth * devicePixelRatio);
  const height = (line.height = line.clientHeight * devicePixelRatio);
  const style = getComputedStyle(line);
  const x = (number) => ((number + 0.5) / clip.count) * width;
  const first = Math.min(Number(controls.from.value), Number(controls.to.value));
  const last = Math.max(Number(controls.from.value), Number(controls.to.value));
  pen.fillStyle = style.getPropertyValue("--quiet");
  pen.fillRect(0, height * 0.7, width, height * 0.2);
  pen.fillStyle = style.getPropertyValue("--accent");
  pen.fillRect(x(first - 0.5), height * 0.7, x(last + 0.5) - x(first - 0.5), height * 0.2);
  pen.strokeStyle = style.getPropertyValue("--accent");
  pen.lineWidth = 1.5 * devicePixelRatio;
  const recent = player.shown.slice(-Math.round(clip.fps * 3));
  for (let k = 1; k < recent.length; k++) {
    const [a, b] = [recent[k - 1], recent[k]];
    if (b === a + 1 || (clip.circle && b === 0)) continue;
    pen.globalAlpha = k / recent.length;
    pen.beginPath();
    pen.moveTo(x(a), height * 0.7);
    pen.quadraticCurveTo((x(a) + x(b)) / 2, -height * 0.5, x(b), height * 0.7);
    pen.stroke();
  }
  pen.globalAlpha = 1;
  pen.fillStyle = style.getPropertyValue("--ink");
  pen.fillRect(x(frame) - 1.5 * devicePixelRatio, height * 0.6, 3 * devicePixelRatio, height * 0.4);
}

function say() {
  const first = Math.min(Number(controls.from.value), Number(controls.to.value));
  const last = Math.max(Number(controls.from.value), Number(controls.to.value));
  const seconds = (frame) => (frame / clip.fps).toFixed(1);
  controls.told.textContent =
    `${Number(controls.speed.value).toFixed(2)}× speed, ` +
    `from ${seconds(first)} s to ${seconds(last + 1)} s of the clip`;
  controls.play.textContent = playing ? "Pause" : "Play";
  controls.play.setAttribute("aria-pressed", String(playing));
  controls.from.setAttribute("aria-valuetext", `${seconds(first)} seconds`);
  controls.to.setAttribute("aria-valuetext", `${seconds(last)} seconds`);
}

canvas.width = clip.width;
canvas.height = clip.height;
canvas.style.width = `min(100%, 960px, ${(60 * clip.width) / clip.height}vh)`;
canvas.classList.toggle("clear", clip.alpha);
controls.to.max = controls.from.max = String(clip.count - 1);
controls.from.value = String(clip.range[0]);
controls.to.value = String(clip.range[1]);
controls.speed.value = String(clip.speed);
controls.play.addEventListener("click", () => {
  playing = !playing;
  say();
});
controls.speed.addEventListener("input", say);
controls.from.addEventListener("input", replan);
controls.to.addEventListener("input", replan);
controls.whole.addEventListener("click", () => {
  controls.from.value = "0";
  controls.to.value = String(clip.count - 1);
  controls.speed.value = "1";
  replan();
});
document.addEventListener("keydown", (event) => {
  if (event.key === " " && event.target === document.body) {
    event.preventDefault();
    controls.play.click();
  }
});
say();
requestAnimationFrame(tick);

// The steered player: a cut-out moves over the page by its own velocity and turns where the pointer, a finger or the arrow
// keys want it, by jumps between frames of the clip. The future costs of the 8 directions are solved once at the start.
"use strict";

const clip = JSON.parse(document.getElementById("clip").textContent);
const canvas = document.getElementById("picture");
const context = canvas.getContext("2d");
const controls = {
  play: document.getElementById("play"),
  follow: document.getElementById("follow"),
  speed: document.getElementById("speed"),
  size: document.getElementById("size"),
  told: document.getElementById("told"),
};
const FREE = 8; // no direction is wanted
const FADE = 3; // frames over which the old run fades after a jump
const ARROWS = { ArrowRight: [0, 1], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowUp: [-1, 0] };
const NAMES = ["right", "down right", "down", "down left", "left", "up left", "up", "up right"];

const atlas = openAtlas(clip, 256e6);
const headings = [...clip.headings, new Float64Array(clip.count)];
const ahead = headings.map((extra) => policy.aheadOf(clip.table, extra));
const held = new Set(); // arrow keys that are down
let target = null; // [y, x] in page pixels
let place = [innerHeight / 2, innerWidth / 2]; // the figure's centre
let frame = policy.home(ahead[FREE]);
let old = []; // runs fading out: {frame, left}
let position = 0;
let time = 0;
let playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
let follow = true;
let before = null;
let told = -1;

/** What the tests read: frames shown, directions wanted and places, newest last. */
const player = { shown: [frame], wanted: [], places: [], seed: seedOf(clip), late: 0, policy, clip };
player.state = player.seed;
window.player = player;

/** The wanted direction 0 … 7, or FREE. Keys win over the pointer; the page's border over both. */
function wanted() {
  const reach = (Math.max(clip.width, clip.height) / 3) * size();
  const [y, x] = place;
  const out = y < 0 || x < 0 || y > innerHeight || x > innerWidth;
  if (held.size > 0 && !out) {
    let [dy, dx] = [0, 0];
    for (const key of held) [dy, dx] = [dy + ARROWS[key][0], dx + ARROWS[key][1]];
    if (dy !== 0 || dx !== 0) return policy.octant(dy, dx);
  }
  if (follow && target) {
    const [dy, dx] = [target[0] - y, target[1] - x];
    return Math.hypot(dy, dx) < reach / 2 ? FREE : policy.octant(dy, dx);
  }
  const near = Math.min(y, x, innerHeight - y, innerWidth - x) < reach;
  return near ? policy.octant(innerHeight / 2 - y, innerWidth / 2 - x) : FREE;
}

function size() {
  return Number(controls.size.value);
}

function advance() {
  const way = wanted();
  const [next, state] = policy.stepped(clip.table, headings[way], ahead[way], frame, player.state);
  const [dy, dx] = clip.velocity[frame];
  place = [place[0] + dy * size(), place[1] + dx * size()];
  old = old.map((run) => ({ frame: Math.min(run.frame + 1, clip.count - 1), left: run.left - 1 }));
  old = old.filter((run) => run.left > 0);
  if (next !== frame + 1) old.push({ frame: Math.min(frame + 1, clip.count - 1), left: FADE });
  frame = next;
  player.state = state;
  record(way);
}

function record(way) {
  for (const [list, value] of [
    [player.shown, frame],
    [player.wanted, way],
    [player.places, place],
  ]) {
    list.push(value);
    if (list.length > 4096) list.shift();
  }
  if (way !== told) {
    told = way;
    controls.told.textContent = way === FREE ? "Moves as it likes." : `Heads ${NAMES[way]}.`;
  }
}

function paint() {
  const ratio = devicePixelRatio;
  const [w, h] = [Math.round(innerWidth * ratio), Math.round(innerHeight * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  context.clearRect(0, 0, w, h);
  const runs = [{ frame, left: 0 }, ...old];
  const share = (run) => (run.left > 0 ? run.left / (FADE + 1) : 1);
  const total = runs.reduce((sum, run) => sum + share(run), 0);
  context.globalCompositeOperation = "lighter"; // adds colours already multiplied by alpha
  for (const run of runs) {
    const scale = size() * ratio;
    const [oy, ox] = clip.offset[run.frame];
    const y = place[0] * ratio + (oy - clip.height / 2) * scale;
    const x = place[1] * ratio + (ox - clip.width / 2) * scale;
    context.globalAlpha = share(run) / total;
    atlas.draw(context, run.frame, x, y, clip.width * scale, clip.height * scale);
  }
  context.globalAlpha = 1;
  context.globalCompositeOperation = "source-over";
  if (follow && target && held.size === 0) ring();
}

function ring() {
  const ratio = devicePixelRatio;
  context.beginPath();
  context.arc(target[1] * ratio, target[0] * ratio, 9 * ratio, 0, 2 * Math.PI);
  context.lineWidth = 2 * ratio;
  context.strokeStyle = getComputedStyle(canvas).getPropertyValue("--accent");
  context.stroke();
}

function tick(now) {
  requestAnimationFrame(tick);
  const passed = before === null ? 0 : Math.min(250, now - before);
  before = now;
  const next = playing ? position + (passed / 1000) * clip.fps * Number(controls.speed.value) : position;
  if (![frame, ...old.map((run) => run.frame)].every((f) => atlas.ready(f))) {
    player.late += 1; // hold the picture; time waits with it
    return;
  }
  position = next;
  while (time < Math.floor(position) && atlas.ready(frame)) {
    time += 1;
    advance();
  }
  const first = clip.table.first[frame];
  for (let e = first; e < clip.table.first[frame + 1]; e++) atlas.want(clip.table.to[e]);
  const shown = [frame, ...old.map((run) => run.frame)];
  if (shown.every((f) => atlas.ready(f))) paint();
}

function aim(event) {
  target = [event.clientY, event.clientX];
}

canvas.addEventListener("pointermove", aim);
canvas.addEventListener("pointerdown", aim);
document.addEventListener("keydown", (event) => {
  const slides = event.target instanceof HTMLInputElement;
  if (event.key in ARROWS && !slides) {
    held.add(event.key);
    event.preventDefault();
  }
  if (event.key === " " && (event.target === document.body || event.target === canvas)) {
    event.preventDefault();
    controls.play.click();
  }
});
document.addEventListener("keyup", (event) => held.delete(event.key));
addEventListener("blur", () => held.clear());
controls.play.addEventListener("click", () => {
  playing = !playing;
  controls.play.textContent = playing ? "Pause" : "Play";
});
controls.follow.addEventListener("click", () => {
  follow = !follow;
  controls.follow.setAttribute("aria-pressed", String(follow));
  controls.follow.textContent = follow ? "Follow" : "Roam";
});
controls.play.textContent = playing ? "Pause" : "Play";
requestAnimationFrame(tick);

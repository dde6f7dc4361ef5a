// The walk through a table of frames: the same whole numbers, draws and steps as frames/walk.py.
//
// Everything here is pure, so that the page, node and the tests may share it. Costs are whole numbers, exp() is the
// list table.weights, and the rest is +, ×, <, floor on doubles in the stated order: both languages agree.
"use strict";

const DEAD = 1e9; // future cost of a frame that nothing follows
const REACH = 256; // cost units a frame away from the wanted range
const FAR = 60; // frames; further out costs no more
const TAN = 0.41421356237309503; // tan 22.5°, the border between two of 8 directions
const SWEEPS = 5000;
const STILL = 0.001;

/** A whole number below 2^32 and the next state (T. Ettinger's 32-bit mixing generator). */
function mulberry32(state) {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return [(t ^ (t >>> 14)) >>> 0, state >>> 0];
}

/** What each of n frames costs for lying outside first … last. */
function rangeCost(n, first, last) {
  const extra = new Float64Array(n);
  for (let frame = 0; frame < n; frame++) {
    const away = Math.max(0, first - frame, frame - last);
    extra[frame] = Math.min(away, FAR) * REACH;
  }
  return extra;
}

/** m_i = min over successors j of (cost_ij + extra_j + alpha * m_j), swept from last to first. */
function aheadOf(table, extra) {
  const { first, to, cost, alpha } = table;
  const n = first.length - 1;
  const ahead = new Float64Array(n);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let largest = 0;
    for (let i = n - 1; i >= 0; i--) {
      let best = DEAD;
      for (let e = first[i]; e < first[i + 1]; e++) {
        const value = cost[e] + extra[to[e]] + alpha * ahead[to[e]];
        if (value < best) best = value;
      }
      const change = Math.abs(best - ahead[i]);
      if (change > largest) largest = change;
      ahead[i] = best;
    }
    if (largest < STILL) break;
  }
  return ahead;
}

/** The nearest of 8 directions: 0 right, 1 down-right, 2 down, … clockwise on a screen. */
function octant(dy, dx) {
  const across = Math.abs(dy);
  const along = Math.abs(dx);
  if (across <= TAN * along) return dx >= 0 ? 0 : 4;
  if (along <= TAN * across) return dy > 0 ? 2 : 6;
  if (dx > 0) return dy > 0 ? 1 : 7;
  return dy > 0 ? 3 : 5;
}

/** The first frame from which play never ends; 0 when there is none. */
function home(ahead) {
  const alive = ahead.findIndex((m) => m < DEAD / 1000);
  return alive < 0 ? 0 : alive;
}

/** [the frame after `frame`, the state of the generator]: one draw. */
function stepped(table, extra, ahead, frame, state) {
  const { first, to, cost, alpha, weights } = table;
  let draw;
  [draw, state] = mulberry32(state);
  const late = [];
  for (let e = first[frame]; e < first[frame + 1]; e++) {
    late.push(cost[e] + extra[to[e]] + alpha * ahead[to[e]]);
  }
  const least = Math.min(...late);
  let total = 0;
  const sums = late.map((value) => (total += weights[Math.floor(value - least)] ?? 0));
  if (total === 0) return [home(ahead), state];
  const aim = Math.floor((draw * total) / 4294967296);
  return [to[first[frame] + sums.findIndex((sum) => sum > aim)], state];
}

const policy = { mulberry32, rangeCost, aheadOf, octant, home, stepped };
if (typeof module !== "undefined") module.exports = policy;

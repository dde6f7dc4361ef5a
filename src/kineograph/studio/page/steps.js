// The real steps of a making: a scrubber over what was kept of them, of one run or of two in step.

import { bars, h, scrolled } from "./dom.js";
import { get, of } from "./api.js";
import { codes } from "./codes.js";

const STRIP = 9, LEAST = 5; // frames of the strip, and steps below which there is none

// jobs: one, or two that are looked at at the same share of their making.
export async function steps(jobs) {
  const runs = await Promise.all(jobs.map(async (job) => ({ job, kept: await get(`/results/${job.id}/steps`) })));
  const seen = runs.filter((run) => run.kept.length > 1), sides = seen.map(side);
  if (!sides.length) return "";
  const most = Math.max(...sides.map((one) => one.count));
  const range = h("input", { type: "range", min: "0", max: String(most - 1), value: String(most - 1), "aria-label": "Step of the making" });
  const look = () => sides.forEach((one) => one.look(Number(range.value) / (most - 1)));
  let timer = 0;
  const stop = () => { clearInterval(timer); timer = 0; play.textContent = "▶ Play"; };
  const play = h("button", { type: "button", onclick: () => {
    if (timer) return stop();
    play.textContent = "❚❚ Stop";
    if (Number(range.value) === most - 1) range.value = "0";
    timer = setInterval(() => {
      if (!play.isConnected || Number(range.value) >= most - 1) return stop();
      range.value = String(Number(range.value) + 1);
      look();
    }, 120);
  } }, "▶ Play");
  range.addEventListener("input", look);
  look();
  const go = (share) => { range.value = String(Math.round(share * (most - 1))); look(); };
  return h("details", { class: "inside", open: true }, h("summary", {}, "See inside: the steps of this making"),
    h("div", { class: "row scrubber" }, play, range),
    h("div", { class: sides.length > 1 ? "twins" : "" }, sides.map((one) => one.element)),
    sides.length === 1 && seen[0].kept.length >= LEAST && seen[0].kept[0].text === undefined ? filmstrip(seen[0], go) : "");
}

function side({ job, kept }) {
  const text = kept.some((step) => step.text !== undefined);
  const picture = text ? scrolled("pre", job.verb === "chain" ? "step columns" : "step", "The text at this step") : h("img", { alt: "This step", class: "step" });
  const told = h("p", { class: "quiet" });
  const more = h("div", { class: "bars" });
  const look = (share) => {
    const at = Math.round(share * (kept.length - 1)), step = kept[at];
    if (text) picture.textContent = step.text ?? ""; else picture.src = of(job.id, `steps/${at}`);
    told.textContent = `step ${at + 1} of ${kept.length} · ${Math.round((step.done || 0) * 100)} % · ${step.note || ""}`;
    more.replaceChildren(...(step.codes ? [codes(step)] : bars(step)));
  };
  return { element: h("div", { class: text ? "scrub text" : "scrub" }, picture, h("div", {}, told, more)), look, count: kept.length };
}

// Some of the steps in a row, as frames of a film; each leads there.
function filmstrip({ job, kept }, go) {
  const count = Math.min(STRIP, kept.length);
  const frame = (_, i) => {
    const share = i / Math.max(1, count - 1), at = Math.round(share * (kept.length - 1));
    return h("li", {}, h("button", { type: "button", "aria-label": `Step ${at + 1}`, onclick: () => go(share) },
      h("img", { src: of(job.id, `steps/${at}`), alt: "", loading: "lazy" })));
  };
  return h("ol", { class: "reel" }, Array.from({ length: count }, frame));
}

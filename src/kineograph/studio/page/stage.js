// Where a making is watched and its result is looked at: live, whole, and step by step.

import { bytes, calm, h, seconds, toast } from "./dom.js";
import { call, get, of, post } from "./api.js";
import { walk } from "./chain.js";

const CELLS = 24;
const FORMS = ["webp", "mp4", "webm", "gif", "apng", "png", "jpg"];

export class Stage {
  // acts: use(job), again(job, seed), presets.
  constructor(acts) {
    this.acts = acts;
    this.job = null;
    this.gate = h("div", { class: "gate", "aria-live": "off" });
    this.strip = h("div", { class: "strip", role: "progressbar", "aria-label": "Progress", "aria-valuemin": "0", "aria-valuemax": "100" },
      Array.from({ length: CELLS }, () => h("i")));
    this.note = h("p", { class: "note" });
    this.below = h("div", { class: "below" });
    this.element = h("section", { class: "stage", "aria-label": "Stage" }, h("div", { class: "film" }, this.gate), this.strip, this.note, this.below);
    this.empty("Nothing here yet. Make the example, or change it first.");
  }

  empty(text) {
    this.job = null;
    this.gate.replaceChildren(h("div", { class: "leader", "aria-hidden": "true" }, h("b", {}, "3")), h("p", { class: "quiet" }, text));
    this.progress(0);
    this.note.textContent = "";
    this.below.replaceChildren();
  }

  progress(done) {
    const lit = Math.round(done * CELLS);
    [...this.strip.children].forEach((cell, i) => cell.classList.toggle("lit", i < lit));
    this.strip.setAttribute("aria-valuenow", String(Math.round(done * 100)));
  }

  watch(job) {
    this.job = job;
    this.below.replaceChildren();
    this.gate.replaceChildren(h("div", { class: "leader run", "aria-hidden": "true" }, h("b", {}, "•")));
    this.progress(0);
    this.note.textContent = job.state === "running" ? "beginning" : "waits in the queue";
    if (innerWidth < 860) this.element.scrollIntoView({ block: "start" });
    this.cancel = h("button", { type: "button", class: "cancel", onclick: () => post(`/jobs/${job.id}/cancel`) }, "Cancel");
    this.below.append(this.cancel);
    this.live = null;
  }

  heard(facts) {
    if (!this.job || facts.id !== this.job.id) return;
    this.progress(facts.done);
    if (facts.note !== undefined) this.note.textContent = facts.note;
    if (facts.seen) {
      if (this.live?.tagName !== "IMG") this.gate.replaceChildren((this.live = h("img", { alt: "What there is so far", class: "live" })));
      this.live.src = `/api/v1/jobs/${facts.id}/preview?n=${Math.random()}`;
    } else if (facts.text !== undefined) {
      if (this.live?.tagName !== "PRE") this.gate.replaceChildren((this.live = h("pre", { class: "live" })), (this.bars = h("div", { class: "bars" })));
      this.live.textContent = facts.text.slice(-900);
      this.bars.replaceChildren(...bars(facts.facts));
    }
  }

  async show(job) {
    this.job = job;
    this.progress(job.state === "done" ? 1 : 0);
    this.note.textContent = job.state === "done" ? `${job.out} · ${bytes(job.bytes)} · ${seconds(job.seconds)}` : `${job.state}${job.error ? ": " + job.error : ""}`;
    if (job.state !== "done") {
      this.gate.replaceChildren(h("p", { class: "quiet" }, job.error || job.state));
      const again = () => post(`/jobs/${job.id}/retry`).then((next) => this.watch(next));
      this.below.replaceChildren(h("button", { type: "button", onclick: again }, "Try again"));
      return;
    }
    this.gate.replaceChildren(viewer(job));
    this.below.replaceChildren(this.actions(job),
      job.notes.length ? h("ul", { class: "notes" }, job.notes.map((note) => h("li", {}, note))) : "",
      job.steps > 1 ? await inside(job) : "",
      settings(job, this.acts));
  }

  actions(job) {
    const suffix = job.out.split(".").pop();
    const save = h("select", { "aria-label": "Download as" },
      h("option", { value: "" }, "Download as…"), h("option", { value: "file?save=true" }, `.${suffix}, as it was made`),
      FORMS.includes(suffix) ? FORMS.filter((form) => form !== suffix).map((form) => h("option", { value: `as/${form}` }, `.${form}`)) : [],
      FORMS.includes(suffix) && !["png", "jpg"].includes(suffix) ? Object.entries(this.acts.presets()).map(([name, { about, suffix: form }]) => h("option", { value: `as/${form.slice(1)}?preset=${name}` }, about)) : []);
    save.addEventListener("change", () => { if (save.value) { download(of(job.id, save.value)); save.value = ""; } });
    const star = h("button", { type: "button", "aria-pressed": String(job.favourite), onclick: async () => {
      job.favourite = (await call("PATCH", `/results/${job.id}`, { favourite: !job.favourite })).favourite;
      star.setAttribute("aria-pressed", String(job.favourite));
    } }, "★ Favourite");
    return h("div", { class: "row" },
      h("button", { type: "button", class: "go", onclick: () => this.acts.again(job) }, "Another seed"),
      h("button", { type: "button", onclick: () => this.acts.use(job) }, "Use these settings"),
      save, star,
      suffix === "html" ? h("a", { class: "button", href: of(job.id, "file"), target: "_blank", rel: "noopener" }, "Open as endless player") : "");
  }
}

async function download(url) {
  toast("Preparing the file…");
  const answer = await fetch(url);
  if (!answer.ok) return toast((await answer.json().catch(() => ({}))).message || "That form cannot be had");
  const name = /filename\*?=(?:utf-8'')?"?([^";]+)/i.exec(answer.headers.get("content-disposition") || "")?.[1] || "made";
  const link = h("a", { href: URL.createObjectURL(await answer.blob()), download: decodeURIComponent(name) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export function viewer(job) {
  const url = of(job.id, "file");
  const name = job.request.text || job.out;
  if (/\.(webp|png|jpe?g|gif|apng)$/.test(job.out)) return h("img", { src: url, alt: String(name), class: "made" });
  if (/\.(mp4|webm)$/.test(job.out)) return h("video", { src: url, class: "made", loop: true, muted: true, autoplay: !calm(), controls: true, playsInline: true });
  if (job.out.endsWith(".html")) return h("iframe", { src: url, class: "made", sandbox: "allow-scripts", title: `${name}: a page to play with` });
  if (job.verb === "chain" && job.facts.matrix) return walk(job.facts);
  return h("pre", { class: "made" }, job.text);
}

export function bars(facts) {
  const choices = facts?.choices;
  if (!Array.isArray(choices)) return [];
  return choices.slice(0, 8).map(([symbol, share]) => {
    const fill = h("i");
    fill.style.width = `${Math.max(1, share * 100)}%`;
    return h("div", { class: "bar" }, h("code", {}, JSON.stringify(String(symbol)).slice(1, -1)), h("span", {}, fill), h("em", {}, `${(share * 100).toFixed(1)} %`));
  });
}

// The real steps of the run: a scrubber over what was kept of them.
async function inside(job) {
  const steps = await get(`/results/${job.id}/steps`);
  const picture = h("img", { alt: "This step", class: "step" });
  const told = h("p", { class: "quiet" });
  const shares = h("div", { class: "bars" });
  const range = h("input", { type: "range", min: "0", max: String(steps.length - 1), value: String(steps.length - 1), "aria-label": "Step of the making" });
  const look = () => {
    const at = Number(range.value), step = steps[at] || {};
    picture.src = of(job.id, `steps/${at}`);
    told.textContent = `step ${at + 1} of ${steps.length} · ${Math.round((step.done || 0) * 100)} % · ${step.note || ""}`;
    shares.replaceChildren(...bars(step));
  };
  let timer = 0;
  const play = h("button", { type: "button", onclick: () => {
    if (timer) { clearInterval(timer); timer = 0; play.textContent = "▶ Play"; return; }
    play.textContent = "❚❚ Stop";
    if (Number(range.value) === steps.length - 1) range.value = "0";
    timer = setInterval(() => {
      if (!play.isConnected || Number(range.value) >= steps.length - 1) { clearInterval(timer); timer = 0; play.textContent = "▶ Play"; return; }
      range.value = String(Number(range.value) + 1);
      look();
    }, 120);
  } }, "▶ Play");
  range.addEventListener("input", look);
  look();
  return h("details", { class: "inside", open: true }, h("summary", {}, "See inside: the steps of this making"),
    h("div", { class: "scrub" }, picture, h("div", {}, h("div", { class: "row" }, play, range), told, shares)));
}

// What it was made from; each field can be taken over alone.
function settings(job, acts) {
  const rows = Object.entries(job.request).filter(([name]) => !["verb", "out"].includes(name));
  return h("details", { class: "inside" }, h("summary", {}, "What it was made from"),
    h("table", {}, rows.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, typeof value === "string" ? value : JSON.stringify(value)),
      h("td", {}, h("button", { type: "button", class: "plain", "aria-label": `Use this ${name}`, onclick: () => acts.field(job, name, value) }, "use"))))));
}

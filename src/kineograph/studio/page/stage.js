// Where a making is watched and its result is looked at: live, whole, step by step, beside another.

import { bars, bytes, calm, h, scrolled, seconds, toast } from "./dom.js";
import { call, get, of, post, shown as file } from "./api.js";
import { walk } from "./chain.js";
import { codes } from "./codes.js";
import { inside } from "./inside.js";
import { steps } from "./steps.js";

const CELLS = 24;
const FORMS = ["webp", "mp4", "webm", "gif", "apng", "png", "jpg"];
const runs = (job) => ["queued", "running"].includes(job.state);

// One job in a frame of its own: waiting, live, done.
class Gate {
  constructor() {
    this.job = null;
    this.gate = h("div", { class: "gate", "aria-live": "off" });
    this.strip = h("div", { class: "strip", role: "progressbar", "aria-label": "Progress", "aria-valuemin": "0", "aria-valuemax": "100" },
      Array.from({ length: CELLS }, () => h("i")));
    this.note = h("p", { class: "note" });
    this.element = h("div", { class: "one" }, h("div", { class: "film" }, this.gate), this.strip, this.note);
  }

  empty(text) {
    this.job = null;
    this.gate.replaceChildren(h("div", { class: "leader", "aria-hidden": "true" }, h("b", {}, "3")), h("p", { class: "quiet" }, text));
    this.progress(0);
    this.note.textContent = "";
  }

  progress(done) {
    const lit = Math.round(done * CELLS);
    [...this.strip.children].forEach((cell, i) => cell.classList.toggle("lit", i < lit));
    this.strip.setAttribute("aria-valuenow", String(Math.round(done * 100)));
  }

  // expected: seconds that the forecast says, until the making itself tells better.
  watch(job, expected) {
    this.job = job;
    this.live = null;
    this.said = false;
    this.gate.replaceChildren(h("div", { class: "leader run", "aria-hidden": "true" }, h("b", {}, "•")));
    this.progress(0);
    this.expected = expected ? ` · about ${seconds(expected)} in all` : "";
    if (job.state === "running") this.begins(); else this.waits(0);
  }

  waits(before) {
    this.note.textContent = `${before ? `waits: ${before} before it` : "is next"}${this.expected}`;
  }

  begins() { if (!this.said) this.note.textContent = `beginning${this.expected}`; }

  heard(facts) {
    this.said = true;
    this.progress(facts.done);
    const left = facts.left === undefined ? this.expected : ` · about ${seconds(facts.left)} left`;
    if (facts.note !== undefined) this.note.textContent = `${Math.floor(100 * facts.done)} % · ${facts.note}${left}`;
    if (facts.seen) {
      if (this.live?.tagName !== "IMG") this.gate.replaceChildren((this.live = h("img", { alt: "What there is so far", class: "live" })), (this.more = h("div", {})));
      this.live.src = `/api/v1/jobs/${facts.id}/preview?n=${Math.random()}`;
      if (facts.facts?.codes) this.more.replaceChildren(codes(facts.facts));
    } else if (facts.text !== undefined) {
      if (this.live?.tagName !== "PRE") this.gate.replaceChildren((this.live = scrolled("pre", this.job.verb === "chain" ? "live columns" : "live", "The text so far")), (this.bars = h("div", { class: "bars" })));
      this.live.textContent = facts.text.slice(-900);
      this.bars.replaceChildren(...bars(facts.facts));
    }
  }

  show(job) {
    this.job = job;
    const done = job.state === "done";
    this.progress(done ? 1 : 0);
    this.note.textContent = done ? `${job.out} · ${bytes(job.bytes)} · ${seconds(job.seconds)}` : `${job.state}${job.error ? ": " + job.error : ""}`;
    this.gate.replaceChildren(done ? (triptych(job) || viewer(job)) : h("p", { class: "quiet" }, job.error || job.state));
  }
}

export class Stage {
  // acts: use(values), again(job), submit(values), field(job, name, value), presets(). room: as the server tells.
  constructor(acts, room) {
    this.acts = acts;
    this.room = room;
    this.main = new Gate();
    this.twin = null;
    this.gates = h("div", { class: "gates" }, this.main.element);
    this.below = h("div", { class: "below" });
    this.element = h("section", { class: "stage", "aria-label": "Stage" }, this.gates, this.below);
    this.main.empty("Nothing here yet. Make the example, or change it first.");
  }

  get job() { return this.main.job; }

  gate(id) { return [this.main, this.twin].find((one) => one?.job?.id === id); }

  watch(job, expected) {
    this.part();
    this.main.watch(job, expected);
    if (innerWidth < 860) this.element.scrollIntoView({ block: "start" });
    this.below.replaceChildren(h("button", { type: "button", class: "cancel", onclick: () => post(`/jobs/${job.id}/cancel`) }, "Cancel"));
  }

  heard(facts) { this.gate(facts.id)?.heard(facts); }

  // A job that one of the gates shows has come to its end.
  async show(job) {
    const gate = this.gate(job.id) || this.main;
    gate.show(job);
    if (gate === this.twin) return this.open(await this.opened());
    this.part();
    const again = () => post(`/jobs/${job.id}/retry`).then((next) => this.watch(next)).catch((error) => toast(error.message));
    this.open(job.state === "done" ? await this.opened() : [h("button", { type: "button", onclick: again }, "Try again")]);
  }

  open(parts) {
    this.below.replaceChildren(...parts);
    this.element.dataset.shows = [this.main, this.twin].map((one) => one?.job?.id ?? "").join(" ").trim();
  }

  // What there is to do with a result, and all that it can be opened up into.
  async opened() {
    const job = this.main.job, two = this.twin?.job?.state === "done" ? [job, this.twin.job] : [job];
    const told = job.notes.length ? h("ul", { class: "notes" }, job.notes.map((note) => h("li", {}, note))) : "";
    const other = two[1] ? await inside(two[1], this.acts) : [];
    return [this.actions(job), this.beside(job), told, await steps(two), ...(await inside(job, this.acts)),
      other.length ? h("h2", {}, "Beside it") : "", ...other, settings(job, this.acts)];
  }

  part() {
    this.twin?.element.remove();
    this.twin = null;
    this.gates.classList.remove("two");
  }

  beside(job) {
    if (!this.room.beside.length) return "";
    const ask = ({ title, changes }) => async () => {
      const values = Object.fromEntries(Object.entries({ ...job.request, ...changes }).filter(([, value]) => value !== null));
      const made = await this.acts.submit(values);
      if (!made) return;
      this.part();
      this.twin = new Gate();
      this.twin.watch(made);
      this.twin.element.prepend(h("p", { class: "title" }, title));
      this.gates.append(this.twin.element);
      this.gates.classList.add("two");
    };
    return h("div", { class: "row aside" }, h("span", { class: "quiet" }, "Set beside it:"),
      this.room.beside.map((one) => h("button", { type: "button", onclick: ask(one) }, one.title)),
      this.twin ? h("button", { type: "button", class: "plain", onclick: () => { this.part(); this.show(job); } }, "alone again") : "");
  }

  actions(job) {
    const suffix = job.out.split(".").pop();
    const clips = FORMS.includes(suffix), other = this.room.forms.filter((form) => form !== `.${suffix}`);
    const save = h("select", { "aria-label": "Download as" },
      h("option", { value: "" }, "Other forms…"),
      clips ? FORMS.filter((form) => form !== suffix).map((form) => h("option", { value: `as/${form}` }, `.${form}`)) : [],
      clips && !["png", "jpg"].includes(suffix) ? Object.entries(this.acts.presets()).map(([name, { about, suffix: form }]) => h("option", { value: `as/${form.slice(1)}?preset=${name}` }, about)) : [],
      suffix === "html" ? other.map((form) => h("option", { value: `make${form}` }, `${form}, made anew`)) : [],
      ["texture grow", "texture fill", "texture extend"].includes(job.verb) ? h("option", { value: "as/npz" }, ".npz, its source map") : "");
    save.addEventListener("change", () => {
      const form = save.value;
      save.value = "";
      if (form.startsWith("make")) this.acts.make({ ...job.request, out: job.out.replace(/\.html$/, form.slice(4)) });
      else if (form) download(of(job.id, form));
    });
    const star = h("button", { type: "button", "aria-pressed": String(job.favourite), onclick: async () => {
      job.favourite = (await call("PATCH", `/results/${job.id}`, { favourite: !job.favourite })).favourite;
      star.setAttribute("aria-pressed", String(job.favourite));
    } }, "★ Favourite");
    return h("div", { class: "row" },
      h("a", { class: "button go", href: of(job.id, "file?save=true"), download: job.out }, "Download"),
      save.options.length > 1 ? save : "",
      h("button", { type: "button", onclick: () => this.acts.again(job) }, "Another seed"),
      h("button", { type: "button", onclick: () => this.acts.use(job.request) }, "Use these settings"), star,
      suffix === "html" ? h("a", { class: "button", href: of(job.id, "file"), target: "_blank", rel: "noopener" }, job.verb === "loop" ? "Open as endless player" : "Open in its own tab") : "");
  }
}

// The question of an analogy around its answer: A is to A′ as B is to B′.
function triptych({ id, verb, out, request: { a, a2, b } }) {
  if (verb !== "analogy" || !a || !a2 || !b) return null;
  const cell = (src, name) => h("figure", {}, h("img", { src, alt: name }), h("figcaption", {}, name));
  return h("div", { class: "triptych" }, cell(file(a), "A"), cell(file(a2), "A′"), cell(file(b), "B"), cell(of(id, "file"), "B′, the answer"));
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
  return scrolled("pre", "made", "The text", job.text);
}

// What it was made from; each field can be taken over alone.
function settings(job, acts) {
  const rows = Object.entries(job.request).filter(([name]) => !["verb", "out"].includes(name));
  return h("details", { class: "inside" }, h("summary", {}, "What it was made from"),
    h("table", {}, rows.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, typeof value === "string" ? value : JSON.stringify(value)),
      h("td", {}, h("button", { type: "button", class: "plain", "aria-label": `Use this ${name}`, onclick: () => acts.field(job, name, value) }, "use"))))));
}

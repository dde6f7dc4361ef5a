// What runs, what waits and in which order, and what waits for its owner.

import { h, toast } from "./dom.js";
import { call, get, post } from "./api.js";

export class Queue {
  // opened(job): it is to be shown. waits(id, before): so many are made before a job that waits.
  constructor(opened, waits) {
    this.opened = opened;
    this.waits = waits;
    this.element = document.getElementById("queue");
    this.button = document.getElementById("queue-button");
    this.button.addEventListener("click", () => this.toggle());
    this.bars = new Map();
    document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !this.element.hidden) this.toggle(); });
  }

  toggle() {
    this.element.hidden = !this.element.hidden;
    this.button.setAttribute("aria-expanded", String(!this.element.hidden));
    if (!this.element.hidden) this.load();
  }

  async load() {
    const [jobs, status] = await Promise.all([get("/jobs"), get("/status")]);
    const waiting = jobs.filter((job) => ["queued", "running"].includes(job.state));
    document.getElementById("queue-count").textContent = String(waiting.length);
    waiting.forEach((job, before) => { if (job.state === "queued") this.waits(job.id, before); });
    if (this.element.hidden) return;
    this.bars.clear();
    const act = (path) => () => post(path).then(() => this.load()).catch((error) => toast(error.message));
    const queued = jobs.filter((job) => job.state === "queued");
    this.element.replaceChildren(
      h("div", { class: "row" }, h("h2", {}, "Queue"), h("button", { type: "button", class: "plain", "aria-label": "Close the queue", onclick: () => this.toggle() }, "✕")),
      h("div", { class: "row" },
        h("button", { type: "button", "aria-pressed": String(status.paused), onclick: act(`/queue/${status.paused ? "resume" : "pause"}`) }, status.paused ? "▶ Go on" : "❚❚ Pause"),
        h("button", { type: "button", onclick: act("/queue/cancel-pending") }, "Cancel waiting"),
        h("button", { type: "button", onclick: act("/queue/cancel-all") }, "Cancel all")),
      jobs.length ? h("ol", { class: "jobs" }, jobs.map((job) => this.row(job, queued, act))) : h("p", { class: "quiet" }, "Nothing waits."));
  }

  row(job, queued, act) {
    const bar = h("i");
    const turn = queued.findIndex((one) => one.id === job.id);
    const move = (before) => () => post(`/jobs/${job.id}/move`, { before }).then(() => this.load());
    const gone = async () => {
      await call("PATCH", `/results/${job.id}`, { trashed: true });
      this.load();
    };
    this.bars.set(job.id, bar);
    return h("li", { class: job.state },
      h("button", { type: "button", class: "plain name", onclick: () => this.opened(job) }, job.request.text || job.out),
      h("small", {}, job.state + (job.error ? `: ${job.error}` : "")), h("span", { class: "line" }, bar),
      h("span", { class: "row" },
        turn > 0 ? h("button", { type: "button", class: "plain", "aria-label": "Sooner", onclick: move(queued[turn - 1].id) }, "↑") : null,
        turn >= 0 && turn < queued.length - 1 ? h("button", { type: "button", class: "plain", "aria-label": "Later", onclick: move(queued[turn + 2]?.id ?? null) }, "↓") : null,
        ["queued", "running"].includes(job.state) ? h("button", { type: "button", class: "plain", onclick: act(`/jobs/${job.id}/cancel`) }, "cancel")
          : [h("button", { type: "button", class: "plain", onclick: act(`/jobs/${job.id}/retry`) }, "try again"), h("button", { type: "button", class: "plain", onclick: gone }, "put away")]));
  }

  heard(facts) {
    const bar = this.bars.get(facts.id);
    if (bar) bar.style.width = `${facts.done * 100}%`;
  }
}

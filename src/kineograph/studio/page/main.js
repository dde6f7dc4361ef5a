// The page: rooms, gallery, queue; what was asked stays in a room while one looks elsewhere.

import { bytes, h, seconds, toast } from "./dom.js";
import { get, listen, post, upload } from "./api.js";
import { Form } from "./form.js";
import { Stage } from "./stage.js";
import { Queue } from "./queue.js";
import { gallery } from "./gallery.js";

const main = document.getElementById("main");
const drafts = new Map(), shownIn = new Map();
let rooms = [], presets = {}, stage = null, roomNow = null;

const queue = new Queue((job) => open(job), (id, before) => stage?.gate(id)?.waits(before));

function roomOf(values) {
  const fits = rooms.filter((room) => room.verb === values.verb && Object.entries(room.fixed).every(([name, value]) => (values[name] ?? value) === value));
  if (values.verb === "video") return rooms.find((room) => room.name === (values.image ? "picture" : "words"));
  return fits[0];
}

// Open a job in its room, as it stands.
function open(job) {
  const room = roomOf(job.request);
  if (!room) return toast(`There is no room for ${job.verb}; the command line has it.`);
  shownIn.set(room.name, job.id);
  drafts.set(room.name, job.request);
  go(`#/room/${room.name}`);
}

function go(address) {
  if (location.hash === address) route(); else location.hash = address;
}

function use(values) {
  const room = roomOf(values);
  if (!room) return toast(`There is no room for ${values.verb}; the command line has it.`);
  drafts.set(room.name, values);
  go(`#/room/${room.name}`);
  toast("These settings are in the room.");
}

async function submit(room, form, values) {
  try {
    const job = await post("/jobs", values);
    shownIn.set(room.name, job.id);
    if (roomNow === room.name) stage.watch(job, form.seconds);
    queue.load();
    settle(job.id);
  } catch (error) {
    if (form.refuse(error.field, error.message)) form.lead(error.field); else toast(error.message);
  }
}

// Queue what is to stand beside a result; nothing when it is refused.
async function beside(values) {
  try {
    const job = await post("/jobs", values);
    queue.load();
    setTimeout(() => settle(job.id), 500);
    return job;
  } catch (error) { toast(error.message); }
}

// A job may have begun or ended before its gate was there to hear it: look once more.
async function settle(id) {
  const job = await get(`/jobs/${id}`), gate = stage?.gate(id);
  if (gate && job.state === "running") gate.begins();
  else if (gate && job.state !== "queued") stage.show(job);
}

function room(found) {
  roomNow = found.name;
  const cost = h("p", { class: "cost", "aria-live": "polite" }, " ");
  let timer = 0, asked = 0;
  const form = new Form(found, (values) => {
    drafts.set(found.name, values);
    clearTimeout(timer);
    timer = setTimeout(() => price(values), 350);
  });
  const price = async (values) => {
    const turn = ++asked;
    try {
      const plan = await post("/forecast", values);
      if (turn !== asked) return;
      form.refuse();
      form.seconds = plan.seconds;
      cost.textContent = `about ${seconds(plan.seconds)} · ${bytes(plan.memory)} of memory · a file of ${bytes(plan.file)}`;
      cost.title = plan.plan;
    } catch (error) {
      if (turn !== asked) return;
      cost.textContent = form.refuse(error.field, error.message) ? "Not yet: see the field in red." : error.message;
    }
  };
  stage = new Stage({
    presets: () => presets,
    use,
    make: (values) => submit(found, form, values),
    submit: (values) => beside(values),
    field: (job, name, value) => { form.controls.get(name)?.set(value); form.touched(); toast(`${name} is taken over.`); },
    again: (job) => submit(found, form, { ...job.request, seed: Math.floor(Math.random() * 2 ** 32) }),
  }, found);
  const make = (event) => { event?.preventDefault(); submit(found, form, form.values()); };
  form.element.addEventListener("submit", make);
  form.element.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) make(event); });
  form.element.append(h("div", { class: "doing" }, cost, h("button", { type: "submit", class: "go make", title: "Ctrl+Enter" }, "Make")));
  main.replaceChildren(h("div", { class: "bench" },
    h("section", { class: "ask", "aria-label": "Settings" },
      h("h1", {}, found.title), h("p", { class: "quiet" }, found.line),
      h("p", { class: "lesson" }, found.lesson, " ", h("button", { type: "button", class: "plain", onclick: () => form.fill(found.example) }, "Back to the example")),
      form.element),
    stage.element));
  form.fill(drafts.get(found.name) || found.example);
  const known = shownIn.get(found.name);
  if (known) get(`/jobs/${known}`).then((job) => (["queued", "running"].includes(job.state) ? stage.watch(job) : stage.show(job))).catch(() => {});
}

function route() {
  const [, where, name] = location.hash.split("/");
  for (const link of document.querySelectorAll("#rooms a")) {
    if (link.hash === location.hash) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  document.querySelector("#rooms [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  stage = null;
  roomNow = null;
  main.scrollTop = 0;
  scrollTo(0, 0);
  if (where === "gallery") return main.replaceChildren(gallery(open));
  const found = rooms.find((one) => one.name === name) || rooms[0];
  document.title = `${found.title}: kineograph studio`;
  room(found);
}

async function recordOf(file) {
  try {
    const place = await upload(file);
    const found = await get(`/records/${place}`);
    use(found.values);
    if (found.missing.length) toast(`Not here, choose them anew: ${found.missing.join(", ")}`);
  } catch (error) { toast(error.message); }
}

function heard(kind, facts) {
  if (kind === "progress") { stage?.heard(facts); queue.heard(facts); return; }
  if (kind === "reset") { queue.load(); if (stage?.job) settle(stage.job.id); return; }
  queue.load();
  const gate = kind === "job" && stage?.gate(facts.id);
  if (!gate) return;
  if (facts.state === "running") gate.begins();
  else if (facts.state !== "queued") get(`/jobs/${facts.id}`).then((job) => stage?.gate(job.id) && stage.show(job));
}

function furnish() {
  const nav = document.getElementById("rooms");
  nav.append(h("ul", {}, rooms.map((one) => h("li", {}, h("a", { href: `#/room/${one.name}` }, one.title))), h("li", { class: "apart" }, h("a", { href: "#/gallery" }, "Gallery"))));
  const root = document.documentElement;
  if (localStorage.theme) root.dataset.theme = localStorage.theme;
  document.getElementById("theme-button").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = localStorage.theme = dark ? "light" : "dark";
  });
  const picker = document.getElementById("record-file");
  document.getElementById("record-button").addEventListener("click", () => picker.click());
  picker.addEventListener("change", () => { if (picker.files[0]) recordOf(picker.files[0]); picker.value = ""; });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => { event.preventDefault(); if (event.dataTransfer.files[0]) recordOf(event.dataTransfer.files[0]); });
}

try {
  [rooms, { presets }] = await Promise.all([get("/rooms"), get("/status")]);
  furnish();
  listen(heard);
  queue.load();
  addEventListener("hashchange", route);
  route();
  document.documentElement.dataset.ready = "yes";
} catch (error) {
  main.replaceChildren(h("p", { class: "closed" }, error.status === 401 ? "Open the address that the command printed: it holds the key to this studio." : error.message));
}

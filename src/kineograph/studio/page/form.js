// Controls from a JSON Schema: every field of a request has one, and no field has two.

import { h, toast } from "./dom.js";
import { shown, upload } from "./api.js";
import { brush } from "./brush.js";

const MOVES = /\.(mp4|webm|mov)$/i;
const SEEN = /\.(png|jpe?g|webp|gif|apng)$/i;
const BRUSHED = { mask: ["picture", "Brush the hole"], moves: ["image", "Brush where it moves"] };
const USUAL = "as usual";
const NONE = "Drop a file, or choose";
let count = 0;

// What a property is: its own keys, or those of its one kind that is not null.
function kind(property) {
  const several = (property.anyOf || []).flatMap((one) => one.anyOf || [one]).filter((one) => one.type !== "null");
  if (!several.length) return property;
  const types = new Set(several.map((one) => one.type + (one.format || "")));
  const words = several.flatMap((one) => one.enum || (one.const !== undefined ? [one.const] : []));
  if (types.size > 1) return { ...property, type: "string", loose: true };
  const merged = { ...several[0] };
  for (const one of several) {
    if (one.maximum !== undefined) merged.maximum = Math.max(one.maximum, merged.maximum ?? -Infinity);
    if (one.minimum !== undefined) merged.minimum = Math.min(one.minimum, merged.minimum ?? Infinity);
  }
  return { ...property, ...merged, ...(words.length ? { enum: [...new Set(words)] } : {}) };
}

const isPath = (one) => one && kind(one).format === "path";
const TITLES = { by: "made by", a: "A", a2: "A′", b: "B", n: "length", out: "file" };
const ITEMS = { level: "level", like: "word", start: "state", analogy: "question" };
const label = (name) => TITLES[name] || name.replace(/_$/, "").replaceAll("_", " ");
const capital = (text) => text[0].toUpperCase() + text.slice(1);

export class Form {
  constructor(room, changed) {
    this.room = room;
    this.changed = changed;
    this.invalid = null;
    this.controls = new Map();
    const fields = room.schema.properties;
    const names = Object.keys(fields).filter((name) => !["verb", "out", ...Object.keys(room.fixed)].includes(name));
    const first = room.first.filter((name) => names.includes(name));
    const more = names.filter((name) => !first.includes(name) && name !== "seed");
    const out = this.row("out", { enum: room.forms, description: "What kind of file it becomes.", default: room.form });
    const plain = more.filter((name) => !fields[name].panel);
    const file = more.filter((name) => fields[name].panel);
    this.element = h("form", { class: "form", novalidate: true, autocomplete: "off" },
      first.map((name) => this.row(name, fields[name])),
      h("div", { class: "pair" }, this.row("seed", fields.seed), out),
      plain.length ? h("details", { class: "more" }, h("summary", {}, "More"), plain.map((name) => this.row(name, fields[name]))) : null,
      file.length ? h("details", { class: "more" }, h("summary", {}, "The rest"), file.map((name) => this.row(name, fields[name]))) : null);
    this.element.addEventListener("input", () => this.touched());
    this.element.addEventListener("change", () => this.touched());
  }

  touched() { this.changed(this.values()); }

  row(name, raw) {
    const property = kind(raw);
    const control = make(name, property, this);
    this.controls.set(name, control);
    const id = `field-${++count}`;
    const hint = h("small", { id: `${id}-hint` }, (raw.description || (name === "seed" ? "The same seed gives the same bytes." : "")) + (raw.families && !this.room.first.includes(name) ? ` (${raw.families.join(", ")})` : ""));
    const error = h("em", { class: "wrong", id: `${id}-wrong`, role: "alert" });
    control.focus.id = id;
    control.focus.setAttribute("aria-describedby", `${id}-hint ${id}-wrong`);
    const title = label(name);
    const head = h("label", { for: id }, capital(title), raw.unit && raw.unit !== title ? h("i", {}, ` ${raw.unit}`) : null);
    control.wrong = error;
    return h("div", { class: `field ${control.wide ? "wide" : ""} ${control.check ? "check" : ""}`, "data-field": name }, head, control.element, hint, error);
  }

  // A flat request: what is left empty is not said.
  values() {
    const said = { verb: this.room.verb, ...this.room.fixed };
    for (const [name, control] of this.controls) {
      const value = control.get();
      if (name !== "out" && value !== undefined) said[name] = value;
    }
    said.out = `${slug(said) || this.room.name}${this.controls.get("out").get()}`;
    return said;
  }

  fill(values) {
    for (const [name, control] of this.controls) {
      if (name === "out") {
        const suffix = /\.[a-z0-9]+$/.exec(values.out || "")?.[0];
        control.set(this.room.forms.includes(suffix) ? suffix : this.room.form);
      } else control.set(values[name]);
    }
    this.touched();
  }

  // Show a refusal at its field; whether there is one.
  refuse(field, text) {
    for (const control of this.controls.values()) {
      control.wrong.textContent = "";
      control.focus.removeAttribute("aria-invalid");
    }
    const control = this.controls.get((field || "").split("[")[0]);
    if (!control) return false;
    control.wrong.textContent = text;
    control.focus.setAttribute("aria-invalid", "true");
    const folded = control.element.closest("details");
    if (folded) folded.open = true;
    return true;
  }

  // Lead a person to the field that was refused.
  lead(field) { this.controls.get((field || "").split("[")[0])?.focus.focus(); }
}

const slug = (said) => String(said.text || said.verb).toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 40);

function make(name, property, form) {
  const items = property.items && kind(property.items);
  if (property.format === "path") return file(name, property, form);
  if (property.type === "array" && (isPath(items) || isPath(items?.items))) return list(form, () => file(name, items, form), "picture");
  if (property.type === "array" && items?.type === "string") return list(form, () => line(name, items), ITEMS[name] || "line");
  if (property.type === "array") return line(name, property, (text) => (property.prefixItems ? text : text.split(",").map(Number)));
  if (property.type === "boolean" || property.const === true) return check();
  if (property.enum) return choice(property, property.default === undefined || property.default === null, name === "by" && form.room.first.includes("by"));
  if ((property.type === "integer" || property.type === "number") && !property.words) return number(name, property, form);
  return line(name, property);
}

function line(name, property, parsed = (text) => text) {
  const long = name === "text" || name === "negative";
  const input = long ? h("textarea", { rows: name === "text" ? 2 : 1, "data-control": name }) : h("input", { type: "text", "data-control": name });
  const usual = property.default;
  input.placeholder = Array.isArray(usual) ? usual.join(",") : String(usual ?? property.words ?? (usual === null ? USUAL : ""));
  const get = () => {
    const text = input.value.trim();
    if (!text) return undefined;
    if ((property.loose || property.type === "integer") && Number.isFinite(Number(text))) return Number(text);
    return parsed(text);
  };
  return { element: input, focus: input, wide: long, get, set: (value) => { input.value = value === undefined || value === null ? "" : String(value); } };
}

function number(name, property, form) {
  const whole = property.type === "integer";
  const input = h("input", { type: "number", step: whole ? "1" : "any", inputmode: whole ? "numeric" : "decimal", "data-control": name });
  if (property.minimum !== undefined) input.min = property.minimum;
  if (property.maximum !== undefined) input.max = property.maximum;
  input.placeholder = String(property.default ?? (name === "seed" ? "any" : USUAL));
  const get = () => (input.value === "" ? undefined : Number(input.value));
  const set = (value) => { input.value = value ?? ""; };
  if (name !== "seed") return { element: input, focus: input, get, set };
  const roll = () => { input.value = String(Math.floor(Math.random() * 2 ** 32)); form.touched(); };
  const dice = h("button", { type: "button", class: "plain", onclick: roll, "aria-label": "Another seed", title: "Another seed" }, "⚄");
  return { element: h("div", { class: "joined" }, input, dice), focus: input, get, set };
}

function check() {
  const box = h("input", { type: "checkbox" });
  return { element: box, focus: box, check: true, get: () => (box.checked ? true : undefined), set: (value) => { box.checked = Boolean(value); } };
}

// open: nothing may be chosen. always: it is said even when it is the usual, as what makes differs by it.
function choice(property, open, always) {
  const select = h("select", {}, open ? h("option", { value: "" }, USUAL) : null,
    property.enum.map((word) => h("option", { value: String(word) }, String(word))));
  const set = (value) => { select.value = String(value ?? property.default ?? ""); };
  set();
  const get = () => {
    const found = property.enum.find((word) => String(word) === select.value);
    return !always && found === property.default && property.default !== undefined && !property.description?.startsWith("What kind of file") ? undefined : found;
  };
  return { element: select, focus: select, get, set };
}

// One file: dropped, chosen, or brushed over another picture.
function file(name, property, form) {
  let place;
  const view = h("span", { class: "view", "aria-hidden": "true" });
  const told = h("span", { class: "told" }, NONE);
  const input = h("input", { type: "file", class: "hidden-file", "data-control": name });
  const zone = h("label", { class: "zone" }, view, told, input);
  const clear = h("button", { type: "button", class: "plain", "aria-label": `Remove ${label(name)}`, onclick: () => { set(undefined); form.touched(); } }, "✕");
  const set = (value) => {
    place = Array.isArray(value) ? value[0] : typeof value === "string" ? value : undefined;
    told.textContent = place ? place.split("/").pop() : NONE;
    view.replaceChildren(...(place ? [looked(place)] : []));
    clear.hidden = !place;
  };
  const take = async (one) => {
    told.textContent = "reading…";
    try { set(await upload(one)); form.touched(); } catch (error) { set(place); toast(error.message); }
  };
  input.addEventListener("change", () => input.files[0] && take(input.files[0]));
  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    zone.classList.remove("over");
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
  const parts = [zone, clear];
  if (BRUSHED[name]) {
    const [over, title] = BRUSHED[name];
    const paint = async () => {
      const under = form.controls.get(over)?.get();
      if (!under) return toast("Choose the picture first");
      const made = await brush(shown(under), place && shown(place), title);
      if (made) take(new File([made], `${name}.png`, { type: "image/png" }));
    };
    parts.push(h("button", { type: "button", class: "brush", onclick: paint }, title));
  }
  set();
  return { element: h("div", { class: "file" }, parts), focus: input, wide: true, get: () => place, set };
}

function looked(place) {
  if (SEEN.test(place)) return h("img", { src: shown(place), alt: "" });
  if (MOVES.test(place)) return h("video", { src: shown(place), muted: true, autoplay: true, loop: true, playsInline: true });
  return h("span", { class: "glyph" }, place.split(".").pop());
}

// A list that can be put in order: by the arrows, or by dragging.
function list(form, one, what) {
  const rows = h("ol", { class: "list" });
  const known = new Map();
  const add = (value) => {
    const control = one();
    control.focus.setAttribute("aria-label", what);
    control.set(Array.isArray(value) ? value[0] : value);
    const shift = (by) => () => {
      const other = by < 0 ? row.previousElementSibling : row.nextElementSibling?.nextElementSibling;
      if (by < 0 && !other) return;
      rows.insertBefore(row, by < 0 ? other : other ?? null);
      form.touched();
    };
    const gone = () => { known.delete(row); row.remove(); form.touched(); };
    const row = h("li", { draggable: true }, h("span", { class: "grip", "aria-hidden": "true" }, "⠿"), control.element,
      h("button", { type: "button", class: "plain", "aria-label": `${what} up`, onclick: shift(-1) }, "↑"),
      h("button", { type: "button", class: "plain", "aria-label": `${what} down`, onclick: shift(1) }, "↓"),
      h("button", { type: "button", class: "plain", "aria-label": `remove ${what}`, onclick: gone }, "✕"));
    row.addEventListener("dragstart", (event) => { event.dataTransfer.setData("text/x-row", "1"); row.classList.add("held"); });
    row.addEventListener("dragend", () => { row.classList.remove("held"); form.touched(); });
    row.addEventListener("dragover", (event) => {
      const held = rows.querySelector(".held");
      if (!held || held === row) return;
      event.preventDefault();
      const half = row.getBoundingClientRect();
      rows.insertBefore(held, event.clientY < half.top + half.height / 2 ? row : row.nextSibling);
    });
    known.set(row, control);
    rows.append(row);
  };
  const more = h("button", { type: "button", class: "add", onclick: () => { add(); form.touched(); } }, `Add a ${what}`);
  const get = () => {
    const found = [...rows.children].map((row) => known.get(row).get()).filter((value) => value !== undefined);
    return found.length ? found : undefined;
  };
  const set = (values) => { rows.replaceChildren(); known.clear(); (values || []).forEach(add); };
  return { element: h("div", { class: "stack" }, rows, more), focus: more, wide: true, get, set };
}

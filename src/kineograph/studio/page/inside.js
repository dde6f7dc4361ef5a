// What a result can be opened up into: where pixels came from, jumps, levels, looks, examples.

import { bars, h } from "./dom.js";
import { get, of } from "./api.js";
import { jumps } from "./jumps.js";
import { sources } from "./sources.js";

const DRAWN = { sources, jumps, stack, attention };

// acts: use(values) opens a request in its room.
export async function inside(job, acts) {
  const [{ views }, record] = await Promise.all([get(`/results/${job.id}/inside`), get(`/results/${job.id}/record`).catch(() => ({}))]);
  const made = await Promise.all(views.map(async (view) => DRAWN[view.kind](job, view, acts)));
  if (job.facts.nearest) made.push(near(job.facts.nearest));
  if (record.model?.name && !job.out.endsWith(".txt")) made.push(examples(job, record.model.name));
  return made;
}

const folded = (title, ...parts) => h("details", { class: "inside", open: true }, h("summary", {}, title), parts);

// -- a zoom ---------------------------------------------------------------------------------------

function stack(job, view) {
  const at = (level, name) => of(job.id, `inside/level-${level}${name}.webp`);
  const pick = h("input", { type: "range", min: "-1", max: String(view.bands - 1), value: "-1", "aria-label": "Band of detail" });
  const told = h("span", { class: "quiet" });
  const pictures = Array.from({ length: view.levels }, (_, i) => h("img", { alt: `Level ${i + 1}`, src: at(i, "") }));
  const look = () => {
    const band = Number(pick.value), last = view.bands - 1;
    pictures.forEach((picture, i) => { picture.src = at(i, band < 0 ? "" : `-band-${band}`); });
    told.textContent = band < 0 ? "the levels themselves" : band === last ? "what remains: the coarsest band" : `band ${band + 1}: detail of ${view.ratio ** band} … ${view.ratio ** (band + 1)} pixels`;
  };
  pick.addEventListener("input", look);
  look();
  const level = (picture, i) => {
    const centre = h("i", { class: "centre", "aria-hidden": "true" });
    centre.style.setProperty("--ratio", String(view.ratio));
    return h("figure", {}, h("div", { class: "layer" }, picture, i < view.levels - 1 ? centre : ""), h("figcaption", {}, `level ${i + 1} · ${view.ratio ** i}×`));
  };
  return folded("See inside: the stack and its blending bands",
    h("p", { class: "quiet" }, "The square in each level is all that the next one shows. Where levels see the same, each band of detail is the mean of those that have it."),
    h("div", { class: "row scrubber" }, h("span", {}, "Bands"), pick, told), h("div", { class: "stack-levels" }, pictures.map(level)));
}

// -- a text ---------------------------------------------------------------------------------------

function attention(job, view) {
  const block = h("select", { "aria-label": "Block" }, view.blocks.map((_, i) => h("option", { value: String(i) }, `block ${i + 1}`)));
  block.value = String(view.blocks.length - 1);
  let from = view.pieces.length - 1;
  const pieces = view.pieces.map((piece, i) => h("button", { type: "button", class: "piece", onclick: () => look(i), onpointerenter: () => look(i), onfocus: () => look(i) },
    i ? piece.replaceAll("\n", "⏎") : "⟨begin⟩"));
  const look = (i) => {
    from = i;
    const shares = view.blocks[Number(block.value)][i];
    pieces.forEach((one, k) => {
      one.style.setProperty("--share", String(k <= i ? Math.sqrt(shares[k]) : 0));
      one.classList.toggle("later", k > i);
      one.classList.toggle("here", k === i);
    });
  };
  block.addEventListener("change", () => look(from));
  look(from);
  return folded("See inside: where it looked", h("p", { class: "quiet" }, "Point at a piece: the darker another is, the more it counted for what comes next."), h("div", { class: "row" }, block), h("p", { class: "pieces" }, pieces));
}

function near(found) {
  return folded("Nearest words", h("div", { class: "bars" }, bars({ choices: found.map((one) => [one.word, one.cosine]) })));
}

// -- what was learned -----------------------------------------------------------------------------

function examples(job, model) {
  const place = h("div", {});
  const ask = h("button", { type: "button", onclick: async () => {
    ask.disabled = true;
    ask.textContent = "Looking…";
    try {
      const told = await get(`/results/${job.id}/influences`);
      place.replaceChildren(
        told.picture ? h("img", { class: "wide", alt: "The result, then its nearest training examples", src: of(job.id, `inside/${told.picture}`) }) : "",
        h("table", {}, h("tbody", {}, told.found.map(([kind, name, apart]) => h("tr", {}, h("td", {}, name), h("td", {}, kind), h("td", {}, apart.toFixed(3)))))),
        h("p", { class: "quiet" }, told.exact ? "Distances by the pictures themselves." : `By the index beside the weights of ${told.model}; exact once the data set '${told.data}' is on this machine.`));
      ask.remove();
    } catch (error) {
      ask.disabled = false;
      ask.textContent = "Find them";
      place.replaceChildren(h("p", { class: "wrong", role: "alert" }, error.message));
    }
  } }, "Find them");
  return h("details", { class: "inside" }, h("summary", {}, "Whom it learned from: the nearest training examples"), h("p", { class: "quiet" }, `What ${model} saw while it learned that looks most like this.`), ask, place);
}

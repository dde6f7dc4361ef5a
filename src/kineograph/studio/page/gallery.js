// Every result, found again: search, favourites, trash with undo, two side by side.

import { bytes, h, toast } from "./dom.js";
import { call, get, of, post } from "./api.js";
import { viewer } from "./stage.js";

export function gallery(opened) {
  const search = h("input", { type: "search", placeholder: "words, a verb, a setting", "aria-label": "Search" });
  const stars = h("input", { type: "checkbox", id: "only-stars" }), trash = h("input", { type: "checkbox", id: "only-trash" });
  const grid = h("div", { class: "cards" }), size = h("span", { class: "quiet" });
  const pair = h("div", { class: "pairing", hidden: true });
  const chosen = new Map();

  const load = async (before = 0) => {
    const asked = new URLSearchParams({ q: search.value, favourite: stars.checked, trashed: trash.checked, before });
    const found = await get(`/results?${asked}`);
    if (!before) grid.replaceChildren();
    grid.querySelector(".further")?.remove();
    grid.append(...found.map(card));
    if (found.length === 60) grid.append(h("button", { type: "button", class: "further", onclick: () => load(found.at(-1).id) }, "More"));
    if (!grid.children.length) grid.append(h("p", { class: "quiet" }, trash.checked ? "The trash is empty." : "Nothing yet: make something in a room."));
    get("/status").then((status) => { size.textContent = `${bytes(status.bytes)} on the disk; nothing is deleted unasked`; });
  };

  const card = (job) => {
    const set = (marks) => call("PATCH", `/results/${job.id}`, marks);
    const star = h("button", { type: "button", class: "plain", "aria-label": "Favourite", "aria-pressed": String(job.favourite), onclick: async () => {
      job.favourite = (await set({ favourite: !job.favourite })).favourite;
      star.setAttribute("aria-pressed", String(job.favourite));
    } }, "★");
    const away = async () => {
      await set({ trashed: true });
      one.remove();
      toast(`${job.out} is in the trash.`, async () => { await set({ trashed: false }); load(); });
    };
    const back = async () => { await set({ trashed: false }); one.remove(); };
    const forget = async () => { await post(`/results/${job.id}/forget`); one.remove(); toast("Gone from the disk."); };
    const beside = h("input", { type: "checkbox", "aria-label": `Compare ${job.out}`, onchange: () => {
      if (beside.checked) chosen.set(job.id, { job, beside }); else chosen.delete(job.id);
      while (chosen.size > 2) { const [first] = chosen; first[1].beside.checked = false; chosen.delete(first[0]); }
      compare(pair, [...chosen.values()].map((each) => each.job));
    } });
    const name = job.request.text || job.out;
    const one = h("article", { class: "card" },
      h("button", { type: "button", class: "face", onclick: () => opened(job), "aria-label": `Open ${name}` },
        job.thumbnail ? h("img", { src: of(job.id, "thumbnail"), alt: "", loading: "lazy" }) : h("pre", { class: job.verb === "chain" ? "columns" : "" }, job.text.slice(0, 220) || job.verb)),
      h("div", { class: "under" }, h("b", {}, name), h("small", {}, `${job.verb} · seed ${job.request.seed} · ${bytes(job.bytes)}`),
        h("span", { class: "row" }, star, h("label", { class: "mini" }, beside, "compare"),
          trash.checked ? [h("button", { type: "button", class: "plain", onclick: back }, "take out"), h("button", { type: "button", class: "plain", onclick: forget }, "delete for good")]
            : h("button", { type: "button", class: "plain", "aria-label": `Put ${name} in the trash`, onclick: away }, "trash"))));
    return one;
  };

  let timer = 0;
  search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => load(), 200); });
  for (const box of [stars, trash]) box.addEventListener("change", () => load());
  load();
  return h("section", { class: "gallery", "aria-label": "Gallery" },
    h("div", { class: "head" }, h("h1", {}, "Gallery"), size),
    h("div", { class: "row filters" }, search, h("label", { class: "mini" }, stars, "favourites"), h("label", { class: "mini" }, trash, "trash")), pair, grid);
}

// Two results side by side, begun at the same moment.
function compare(pair, jobs) {
  pair.hidden = jobs.length < 2;
  if (pair.hidden) return pair.replaceChildren();
  const begin = () => sides.replaceChildren(...jobs.map((job) => h("figure", {}, viewer(job), h("figcaption", {}, `${job.request.text || job.out} · seed ${job.request.seed}`))));
  const sides = h("div", { class: "sides" });
  begin();
  pair.replaceChildren(sides, h("button", { type: "button", onclick: begin }, "Begin both again, in step"));
}

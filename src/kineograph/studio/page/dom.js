// Elements without markup in strings: what a stranger wrote is always text.

export function h(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (name in made && typeof value !== "string") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((one) => one !== null && one !== undefined && one !== false));
  return made;
}

// What may scroll, so that keys reach it too.
export const scrolled = (tag, look, name, ...children) => h(tag, { class: look, tabindex: "0", role: "region", "aria-label": name }, ...children);

export function svg(tag, props = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export function bytes(count) {
  if (count >= 1e9) return `${(count / 1e9).toFixed(1)} GB`;
  if (count >= 1e6) return `${(count / 1e6).toFixed(count < 1e8 ? 1 : 0)} MB`;
  return `${Math.max(1, Math.round(count / 1e3))} kB`;
}

export function seconds(count) {
  if (count < 90) return `${count < 10 ? count.toFixed(1) : Math.round(count)} s`;
  return `${Math.round(count / 60)} min`;
}

// A line at the foot of the page; `undo` gives it a button.
export function toast(text, undo) {
  const line = h("div", { class: "toast" }, text);
  if (undo) {
    const act = () => { line.remove(); undo(); };
    line.append(h("button", { type: "button", onclick: act }, "Undo"));
  }
  document.getElementById("toasts").append(line);
  setTimeout(() => line.remove(), undo ? 9000 : 5000);
}

// A picture that has arrived.
export const loaded = (url) => new Promise((done, failed) => {
  const image = new Image();
  image.onload = () => done(image);
  image.onerror = () => failed(new Error("the picture cannot be shown"));
  image.src = url;
});

// Shares of what may come next, as bars.
export function bars(facts) {
  const choices = facts?.choices;
  if (!Array.isArray(choices)) return [];
  return choices.slice(0, 8).map(([symbol, share]) => {
    const fill = h("i");
    fill.style.width = `${Math.max(1, share * 100)}%`;
    return h("div", { class: "bar" }, h("code", {}, JSON.stringify(String(symbol)).slice(1, -1)), h("span", {}, fill), h("em", {}, `${(share * 100).toFixed(1)} %`));
  });
}

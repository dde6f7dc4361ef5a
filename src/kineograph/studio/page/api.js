// Calls of /api/v1. What is refused is thrown as an Error with the field it names.

const BASE = "/api/v1";

export async function call(method, path, body) {
  const how = { method, headers: {} };
  if (method !== "GET") {
    how.headers["content-type"] = "application/json";
    how.body = JSON.stringify(body ?? {});
  }
  const answer = await fetch(BASE + path, how);
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  const detail = Array.isArray(said.detail) ? said.detail[0]?.msg : undefined;
  const error = new Error(said.problem ? `${said.problem}${said.remedy ? "; " + said.remedy : ""}` : said.message || detail || `refused (${answer.status})`);
  throw Object.assign(error, { status: answer.status, field: said.field, whole: said });
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body);

export async function upload(file, name = file.name) {
  const answer = await fetch(`${BASE}/uploads?name=${encodeURIComponent(name)}`, {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body: file,
  });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.problem ? `${said.problem}; ${said.remedy}` : said.message || "refused");
  return said.place;
}

export const shown = (place) => `${BASE}/files/${place.split("/").map(encodeURIComponent).join("/")}`;
export const of = (id, what) => `${BASE}/results/${id}/${what}`;

// Server-sent events; the browser comes back by itself and says the last one it saw.
export function listen(heard) {
  const source = new EventSource(`${BASE}/events`);
  for (const kind of ["job", "progress", "queue", "result", "reset"])
    source.addEventListener(kind, (event) => heard(kind, JSON.parse(event.data)));
  return source;
}

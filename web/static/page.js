// The page: submit, watch by server-sent events, show previews and the result.
// Everything from the API becomes textContent or a blob: address, never markup.
"use strict";

const $ = (id) => document.getElementById(id);
const STAGES = {
  waiting_upstream: "at the provider", generating: "developing", downloading: "fetching the result", saving: "saving it",
};

let key = sessionStorage.getItem("darkroom-key") || "";
let models = [];
let shown = null;      // the job on the tray
let watching = null;   // AbortController of its event stream
let seen = "";         // the preview or output that the picture shows

// ---- talking to the API ----------------------------------------------------

class Refused extends Error {
  constructor(status, text) { super(text); this.status = status; }
}

async function call(method, path, { body, headers = {}, signal } = {}) {
  const all = { ...headers };
  if (key) all.Authorization = `Bearer ${key}`;
  if (body !== undefined) all["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers: all, body: body && JSON.stringify(body), signal, cache: "no-cache" });
  if (answer.ok || answer.status === 204) return answer;
  const problem = await answer.json().catch(() => ({}));
  const faults = (problem.errors || []).map((fault) => `${(fault.pointer || fault.parameter || "").replace("/input/", "")} ${fault.detail}`);
  throw new Refused(answer.status, faults.join("\n") || problem.detail || `The server answered ${answer.status}.`);
}

// Links of a job may name a public address; this page asks the server that it came from.
const own = (url) => { const { pathname, search } = new URL(url, location.href); return pathname + search; };

async function blobOf(url) {
  return URL.createObjectURL(await (await call("GET", own(url))).blob());
}

// Players and downloads send no key, so they get a signed link, and ask for the ranges that they need.
async function linkOf(output) {
  const answer = await call("POST", `${own(output.url)}/link`, { body: {} });
  return own((await answer.json()).url);
}

// An SVG is never a document of this page's origin, not even in a tab that somebody opens from it.
const imageOf = (output) => (output.content_type === "image/svg+xml" ? linkOf(output) : blobOf(output.url));
const isShown = (output) => output.kind === "image" && output.content_type !== "image/tiff";

// Server-sent events by fetch, since EventSource cannot send a key.
async function* eventsOf(jobId, signal) {
  let last = "";
  for (;;) {
    try {
      const headers = { Accept: "text/event-stream", ...(last && { "Last-Event-ID": last }) };
      const answer = await call("GET", `/v1/jobs/${jobId}/events`, { headers, signal });
      if (answer.status === 204) return;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const parts = (text + value).split("\n\n");
        text = parts.pop();
        for (const part of parts) {
          const event = { name: "", data: "", id: "" };
          for (const line of part.split("\n")) {
            if (line.startsWith("event: ")) event.name = line.slice(7);
            else if (line.startsWith("data: ")) event.data += line.slice(6);
            else if (line.startsWith("id: ")) event.id = line.slice(4);
          }
          last = event.id || last;
          if (event.name) yield { name: event.name, data: JSON.parse(event.data) };
          if (event.name === "end") return;
        }
      }
    } catch (error) {
      if (signal.aborted || (error instanceof Refused && error.status < 500)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 1500));
  }
}

// ---- showing ---------------------------------------------------------------

function trouble(text) {
  $("trouble").textContent = text || "";
  $("trouble").hidden = !text;
}

function headline(job) {
  const { status, queue, progress, error } = job;
  if (status === "succeeded") return ["Done", job.metrics ? `in ${job.metrics.total_seconds.toFixed(1)} s` : ""];
  if (status === "failed") return ["No result", error ? error.detail : ""];
  if (status === "canceled") return ["Canceled", ""];
  if (status === "expired") return ["Expired", ""];
  if (queue) {
    const rank = queue.upstream && queue.upstream.rank !== undefined ? `#${queue.upstream.rank + 1} there` : "";
    const eta = queue.eta_seconds !== undefined ? `about ${Math.round(queue.eta_seconds)} s` : "";
    const place = queue.position ? `#${queue.position} in the queue` : queue.reason === "starting" ? "Starting" : "Waiting";
    return [place, [queue.message, rank, eta].filter(Boolean).join(" ")];
  }
  if (!progress) return ["Starting", ""];
  if (progress.total) return [`Step ${progress.step} of ${progress.total}`, STAGES[progress.stage]];
  return ["Running", progress.message || STAGES[progress.stage]];
}

async function paint(fetched, mark, isPreview) {
  if (seen === mark) return;
  seen = mark;
  try {
    const address = await fetched();
    if (seen !== mark) return URL.revokeObjectURL(address);
    const before = $("picture").src;
    $("picture").src = address;
    $("picture").hidden = false;
    if (!isPreview) { $("save").href = address; $("save").hidden = false; }
    if (before.startsWith("blob:")) URL.revokeObjectURL(before);
  } catch { seen = ""; /* a newer one comes, or the job says what is wrong */ }
}

function sized(bytes) {
  const steps = ["bytes", "KB", "MB", "GB"];
  let step = 0;
  for (; bytes >= 1000 && step < 3; step++) bytes /= 1000;
  return `${step ? bytes.toFixed(1) : bytes} ${steps[step]}`;
}

function element(name, properties = {}, ...inside) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...inside);
  return made;
}

// One output besides the first image, by its kind; a file that browsers do not show is a download.
const SHOW = {
  image: (output) => {
    const image = element("img", { alt: output.caption || "" });
    imageOf(output).then((address) => { image.src = address; }).catch(() => {});
    return image;
  },
  video: (output) => played("video", output),
  audio: (output) => played("audio", output),
  text: (output) => element("p", { className: "said", dir: "auto", textContent: output.text || "" }),
  json: ({ data }) => (isTable(data) ? table(data) : element("pre", { textContent: data === undefined ? "" : JSON.stringify(data, null, 2) })),
};

const isTable = (data) => Boolean(data) && Array.isArray(data.headers) && Array.isArray(data.data) && data.data.every(Array.isArray);

function table({ headers, data }) {
  const text = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));
  const row = (name, values) => element("tr", {}, ...values.map((value) => element(name, { textContent: value === null ? "" : text(value), dir: "auto" })));
  return element("div", { className: "table" }, element("table", {}, row("th", headers), ...data.map((values) => row("td", values))));
}

function played(name, output) {
  const player = element(name, { controls: true, preload: "metadata" });
  if (name === "video") player.playsInline = true;
  if (name === "video" && output.poster) blobOf(output.poster).then((address) => { player.poster = address; }).catch(() => {});
  linkOf(output).then((address) => { player.src = address; }).catch(() => {});
  return player;
}

function download(output) {
  const name = output.filename || `${output.kind} ${output.index + 1}`;
  const link = element("a", { className: "file", download: output.filename || "" }, name);
  linkOf(output).then((address) => { link.href = address; }).catch(() => {});
  return element("span", { className: "download" }, link, ` ${sized(output.bytes || 0)}, ${output.content_type || output.kind}`);
}

function item(output, first) {
  const inside = [];
  if (output.label) inside.push(element("strong", { textContent: output.label }));
  if (output !== first && SHOW[output.kind] && (output.kind !== "image" || isShown(output))) inside.push(SHOW[output.kind](output));
  if (output.sha256 && output !== first) inside.push(download(output));
  if (output.caption) inside.push(element("small", { textContent: output.caption, dir: "auto" }));
  return element("li", {}, ...inside);
}

// The outputs of a finished job, made once: a player must not begin again at every event.
function list(job, first) {
  const mark = `${job.id} ${job.outputs.length} ${Boolean(job.finished_at)}`;
  if ($("outputs").dataset.mark === mark) return;
  $("outputs").dataset.mark = mark;
  const items = job.outputs.map((output) => item(output, first)).filter((one) => one.childElementCount);
  $("outputs").replaceChildren(...items);
}

function render() {
  const job = shown;
  const [state, note] = headline(job);
  const ended = Boolean(job.finished_at);
  const { width = 1, height = 1 } = job.input || {};
  $("empty").hidden = true;
  $("print").hidden = false;
  $("print").className = `${ended ? "done" : ""} ${job.status === "failed" || job.status === "expired" ? "failed" : ""}`;
  $("frame").style.aspectRatio = `${width} / ${height}`;
  $("state").textContent = state;
  $("note").textContent = note || "";
  $("cancel").hidden = ended;
  $("cancel").disabled = Boolean(job.cancel_requested_at);
  const fraction = job.progress && job.progress.fraction;
  $("bar").hidden = ended || fraction === undefined || fraction === null;
  $("bar").firstElementChild.style.width = `${100 * (fraction || 0)}%`;
  const partial = !ended && job.progress && job.progress.partial;
  $("words").textContent = partial || (job.input && job.input.prompt) || "";
  $("words").className = partial ? "said" : "";
  $("warnings").replaceChildren(...(job.warnings || []).map((text) => element("li", { textContent: text })));
  const image = job.outputs.find(isShown);
  $("frame").hidden = !image && (ended || Boolean(partial));
  list(job, image);
  if (image) {
    $("save").download = `${job.id}.${(image.content_type || "image/webp").split("/")[1].split("+")[0]}`;
    paint(() => imageOf(image), image.sha256 || image.url, false);
  } else if (job.preview && !ended) {
    paint(() => blobOf(job.preview.url), `preview-${job.id}-${job.preview.index}`, true);
  }
}

// What an event changes in the job that is shown; "snapshot" and "end" bring the whole job.
function applied(job, { name, data }) {
  switch (name) {
    case "snapshot": case "end": return data;
    case "status": return { ...job, ...data, queue: data.status === "running" ? undefined : job.queue };
    case "queue": return { ...job, queue: { ...data } };
    case "progress": return { ...job, progress: { ...data, partial: (job.progress || {}).partial }, queue: undefined };
    case "partial": return { ...job, progress: { stage: "generating", ...job.progress, partial: data.text }, queue: undefined };
    case "preview": return { ...job, preview: data };
    case "output": return { ...job, outputs: [...job.outputs.filter((one) => one.index !== data.index), data] };
    default: return job;
  }
}

function clear() {
  seen = "";
  $("picture").hidden = true;
  $("picture").removeAttribute("src");
  $("save").hidden = true;
  $("frame").hidden = false;
  $("outputs").replaceChildren();
  delete $("outputs").dataset.mark;
}

async function watch(job) {
  if (watching) watching.abort();
  const mine = watching = new AbortController();
  clear();
  shown = job;
  location.hash = job.id;
  render();
  try {
    for await (const event of eventsOf(job.id, mine.signal)) {
      if (mine !== watching) return;
      shown = applied(shown, event);
      render();
    }
    reel();
  } catch (error) {
    if (!mine.signal.aborted) trouble(error.message);
  }
}

// ---- the earlier ones ------------------------------------------------------

async function reel() {
  const { data } = await (await call("GET", "/v1/jobs?status=succeeded&limit=12")).json();
  const items = await Promise.all(data.filter((job) => job.outputs.length).map(async (job) => {
    const title = (job.input && job.input.prompt) || job.id;
    const button = element("button", { type: "button", title });
    button.addEventListener("click", () => watch(job));
    if (job.outputs.some((output) => output.kind === "image" || output.poster)) {
      const picture = element("img", { alt: title });
      picture.addEventListener("load", () => URL.revokeObjectURL(picture.src), { once: true });
      picture.src = await blobOf(job.urls.image).catch(() => "");
      button.append(picture);
    } else {
      button.append(element("b", { textContent: job.outputs[0].kind }), element("span", { textContent: title }));
    }
    return element("li", {}, button);
  }));
  $("reel").replaceChildren(...items);
  $("earlier").hidden = items.length === 0;
}

// ---- the form --------------------------------------------------------------

function options(select, values, chosen) {
  select.replaceChildren(...values.map(([value, text]) => new Option(text, value, false, value === chosen)));
}

function shapes() {
  const model = models.find((one) => one.id === $("model").value);
  const schema = (model && model.input_schema.properties.aspect_ratio) || {};
  const values = (schema.enum || []).filter(Boolean);
  options($("shape"), [["", "default"], ...values.map((value) => [value, value])], "");
  $("shape").disabled = values.length === 0;
  $("seed").disabled = !(model && model.input_schema.properties.seed);
}

async function start() {
  try {
    models = (await (await call("GET", "/v1/models")).json()).data;
  } catch (error) {
    if (error.status === 401) { $("door").hidden = false; $("form").hidden = true; $("key").focus(); return; }
    return trouble(error.message);
  }
  $("door").hidden = true;
  $("form").hidden = false;
  options($("model"), models.map((model) => [model.id, model.id]), localStorage.getItem("darkroom-model") || "flux-schnell");
  shapes();
  reel().catch(() => {});
  const wanted = location.hash.slice(1);
  if (wanted) call("GET", `/v1/jobs/${encodeURIComponent(wanted)}`).then((answer) => answer.json()).then(watch).catch(() => {});
}

$("model").addEventListener("change", () => { localStorage.setItem("darkroom-model", $("model").value); shapes(); });

$("prompt").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("form").requestSubmit();
});

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  trouble("");
  const input = { prompt: $("prompt").value };
  if ($("shape").value) input.aspect_ratio = $("shape").value;
  if ($("seed").value) input.seed = Number($("seed").value);
  $("send").disabled = true;
  try {
    watch(await (await call("POST", "/v1/jobs", { body: { model: $("model").value, input } })).json());
  } catch (error) {
    trouble(error.message);
  } finally {
    $("send").disabled = false;
  }
});

$("cancel").addEventListener("click", async () => {
  $("cancel").disabled = true;
  await call("POST", `/v1/jobs/${shown.id}/cancel`).catch((error) => trouble(error.message));
});

$("door").addEventListener("submit", (event) => {
  event.preventDefault();
  key = $("key").value.trim();
  sessionStorage.setItem("darkroom-key", key);
  start();
});

start();

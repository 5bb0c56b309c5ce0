// What the page does by itself: uploads, the viewer, the brush, keys. All else is htmx over server-made HTML.

const $ = (selector, from = document) => from.querySelector(selector);
const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
const toast = $("#said");

function say(text, seconds = 4) {
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { toast.hidden = true; }, seconds * 1000);
}

async function problemOf(response) {
  try {
    return (await response.json()).detail;
  } catch {
    return `${toast.dataset.error} (${response.status})`;
  }
}

document.addEventListener("htmx:responseError", async (event) => {
  const text = event.detail.xhr.responseText;
  try { say(JSON.parse(text).detail, 8); } catch { say(`${toast.dataset.error} (${event.detail.xhr.status})`, 8); }
});

// --- settings ---

const NUMBERS = new Set(["max_kb", "threshold", "feather", "erode"]);

function wantedIn(form) {
  const values = new FormData(form);
  const settings = {};
  for (const name of ["format", "canvas", ...NUMBERS]) {
    const value = values.get(name);
    if (value) settings[name] = NUMBERS.has(name) ? Number(value) : value;
  }
  const background = values.get("background");
  if (background) settings.background = background === "own" ? values.get("own_colour") : background;
  if (settings.format === "jpeg" && (settings.background ?? "transparent") === "transparent") settings.background = "#ffffff";
  return { preset: values.get("preset"), settings: { ...settings, ...(form.extra ?? {}) } };
}

/** Show a preset and settings in a form; what has no field of its own goes along in `form.extra`. */
function fill(form, { preset, settings }) {
  const { background = "", ...extra } = settings;
  if (preset) form.elements.preset.value = preset;
  choose(form, background ?? "transparent");
  for (const name of ["format", "canvas", ...NUMBERS]) {
    form.elements[name].value = extra[name] ?? "";
    if (extra[name] !== undefined) $("details", form).open = true;
    delete extra[name];
  }
  form.extra = extra;
}

function choose(form, background) {
  const own = $('input[value="own"]', form);
  const picture = $('.picture input[type="radio"]', form);
  const known = $$('input[name="background"]', form).find((each) => each.value === background && each !== picture);
  if (background.startsWith("picture:")) [picture.value, picture.disabled, picture.checked] = [background, false, true];
  else (known ?? own).checked = true;
  if (!known && background.startsWith("#")) form.elements.own_colour.value = background;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest(".use-words");
  if (button) fill($("#upload"), JSON.parse(button.dataset.wanted));
});

document.addEventListener("change", async (event) => {
  if (event.target.name !== "backdrop" || !event.target.files.length) return;
  const body = new FormData();
  body.append("image", event.target.files[0]);
  event.target.value = "";
  const response = await fetch("/api/v1/backgrounds", { method: "POST", body });
  if (!response.ok) return say(await problemOf(response), 8);
  const { form } = event.target;
  choose(form, (await response.json()).background);
  form.dispatchEvent(new Event("change"));
});

// --- uploads ---

const AT_ONCE = 3;

function startUploads() {
  const form = $("#upload");
  if (!form) return;
  const drop = $(".drop", form);
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const input of $$('.drop input[type="file"]', form)) {
    input.addEventListener("change", () => { send(form, [...input.files]); input.value = ""; });
  }
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    send(form, await dropped(event.dataTransfer));
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) { event.preventDefault(); send(form, files); }
  });
}

async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const files = [];
  const walk = async (entry) => {
    if (entry.isFile) files.push(await new Promise((done, failed) => entry.file(done, failed)));
    else {
      const reader = entry.createReader();
      for (;;) {
        const part = await new Promise((done, failed) => reader.readEntries(done, failed));
        if (!part.length) break;
        for (const each of part) await walk(each);
      }
    }
  };
  for (const entry of entries) await walk(entry);
  return files;
}

async function send(form, all) {
  const files = all.filter((file) => file.size && !file.name.startsWith("."));
  if (!files.length || form.busy) return;
  form.busy = true;
  const bar = $("progress", form);
  const problems = $(".problems", form);
  const batch = [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, "0")).join("");
  const wanted = wantedIn(form);
  const sent = new Map();
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const jobs = [];
  problems.replaceChildren();
  problems.hidden = true;
  bar.hidden = false;
  bar.value = 0;
  const queue = [...files];
  const show = () => { bar.value = [...sent.values()].reduce((sum, each) => sum + each, 0) / total; };
  const worker = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) {
      try {
        jobs.push(await upload(file, wanted, batch, (loaded) => { sent.set(file, loaded); show(); }));
      } catch (error) {
        const line = document.createElement("li");
        line.className = "problem";
        line.textContent = `${file.name}: ${error.message}`;
        problems.append(line);
        problems.hidden = false;
      }
      sent.set(file, file.size);
      show();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  form.busy = false;
  bar.hidden = true;
  if (jobs.length && problems.hidden) location.assign(files.length === 1 ? `/jobs/${jobs[0]}` : `/batch/${batch}`);
  else if (jobs.length) {
    const link = document.createElement("a");
    link.href = `/batch/${batch}`;
    link.textContent = `→ ${jobs.length}`;
    problems.append(link);
  }
}

function upload(file, wanted, batch, progress) {
  return new Promise((done, failed) => {
    const body = new FormData();
    body.append("batch", batch);
    body.append("preset", wanted.preset);
    body.append("settings", JSON.stringify(wanted.settings));
    body.append("image", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", "/api/v1/jobs");
    request.upload.addEventListener("progress", (event) => progress(Math.min(event.loaded, file.size)));
    request.addEventListener("load", () => {
      let told = {};
      try { told = JSON.parse(request.responseText); } catch { /* no JSON: a proxy's own page */ }
      if (request.status === 202) done(told.jobs[0].id);
      else failed(new Error(told.detail ?? `${toast.dataset.error} (${request.status})`));
    });
    request.addEventListener("error", () => failed(new Error(toast.dataset.error)));
    request.send(body);
  });
}

// --- one picture ---

function startViewer() {
  const job = $("#job");
  const viewer = job && $(".viewer", job);
  if (!viewer || viewer.started) return;
  viewer.started = true;
  const [stage, pile, shown, over, canvas] = [".stage", ".pile", ".shown", ".over", "canvas"].map((each) => $(each, viewer));
  const [at, brush, zoom] = [$(".compare-at", viewer), $(".brush", viewer), $("[data-zoom]", viewer)];
  const result = viewer.dataset.result;
  const strokes = [];

  const show = (mode) => {
    for (const button of $$("[data-mode]", viewer)) button.setAttribute("aria-checked", String(button.dataset.mode === mode));
    shown.src = { matte: viewer.dataset.matte, original: viewer.dataset.source, touch_up: viewer.dataset.source }[mode] ?? result;
    over.hidden = mode !== "compare" && mode !== "touch_up";
    pile.style.setProperty("--at", mode === "touch_up" ? "100%" : `${$("input", at).value}%`);
    pile.classList.toggle("comparing", mode === "compare");
    if (mode === "compare") over.src = viewer.dataset.source;
    if (mode === "touch_up") { over.src = result; over.classList.add("dim"); } else over.classList.remove("dim");
    at.hidden = mode !== "compare";
    brush.hidden = canvas.hidden = mode !== "touch_up";
    if (mode === "touch_up") paint();
  };
  shown.addEventListener("load", () => { if (!canvas.hidden) paint(); });
  for (const button of $$("[data-mode]", viewer)) button.addEventListener("click", () => show(button.dataset.mode));
  arrows($(".tools .group", viewer));
  arrows($(".brush .group", viewer));
  $("input", at).addEventListener("input", (event) => pile.style.setProperty("--at", `${event.target.value}%`));
  for (const kind of ["pointerdown", "pointermove"]) {
    pile.addEventListener(kind, (event) => {
      if (!pile.classList.contains("comparing") || !event.buttons) return;
      const box = pile.getBoundingClientRect();
      $("input", at).value = (100 * (event.clientX - box.left)) / box.width;
      $("input", at).dispatchEvent(new Event("input"));
    });
  }
  const enlarge = () => {
    const full = stage.classList.toggle("full");
    zoom.setAttribute("aria-pressed", String(full));
    zoom.textContent = full ? zoom.dataset.fit : zoom.dataset.full;
  };
  zoom.addEventListener("click", enlarge);

  // the brush: coordinates are kept in shares of the picture's sides
  let kind = "keep";
  let line = null;
  for (const button of $$("[data-brush]", brush)) {
    button.addEventListener("click", () => {
      kind = button.dataset.brush;
      for (const each of $$("[data-brush]", brush)) each.setAttribute("aria-checked", String(each === button));
    });
  }
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  const stroke = (context, each, width, height, colour) => {
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = each.size * width;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    each.points.forEach(([x, y], index) => context[index ? "lineTo" : "moveTo"](x * width, y * height));
    if (each.points.length === 1) context.lineTo(each.points[0][0] * width + 0.1, each.points[0][1] * height);
    context.stroke();
  };
  const paint = () => {
    canvas.width = canvas.clientWidth || 1;
    canvas.height = canvas.clientHeight || 1;
    const context = canvas.getContext("2d");
    for (const each of strokes) stroke(context, each, canvas.width, canvas.height, each.kind === "keep" ? "#18c07a" : "#ff3b30");
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    line = { kind, size: Number($('[name="size"]', brush).value) / canvas.clientWidth, points: [place(event)] };
    strokes.push(line);
    paint();
  });
  canvas.addEventListener("pointermove", (event) => { if (line) { line.points.push(place(event)); paint(); } });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { line = null; });
  const undo = () => { strokes.pop(); paint(); };
  $("[data-undo]", brush).addEventListener("click", undo);
  viewer.undo = undo;
  $("[data-apply]", brush).addEventListener("click", async () => {
    if (!strokes.length) return;
    const size = await sizeOf(result);
    const sheet = (wanted) => {
      const mine = strokes.filter((each) => each.kind === wanted);
      if (!mine.length) return null;
      const page = document.createElement("canvas");
      [page.width, page.height] = size;
      for (const each of mine) stroke(page.getContext("2d"), each, page.width, page.height, "#ff0000");
      return page.toDataURL("image/png");
    };
    again(job, (id) => posted(`/api/v1/jobs/${id}/strokes`, { keep: sheet("keep"), drop: sheet("drop") }));
  });

  const redo = $("#redo", job);
  if (redo) fill(redo, JSON.parse(redo.dataset.wanted));
  redo?.addEventListener("submit", (event) => {
    event.preventDefault();
    again(job, (id) => posted(`/api/v1/jobs/${id}/redo`, wantedIn(redo)));
  });
  redo?.addEventListener("change", (event) => { if (event.target.type !== "file") redo.requestSubmit(); });
  $("[data-copy]", job)?.addEventListener("click", async (event) => {
    try {
      const blob = fetch(event.target.dataset.copy).then((answer) => answer.blob()).then(asPng);
      await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
      say(toast.dataset.copied);
    } catch (error) {
      say(`${toast.dataset.error}: ${error.message}`);
    }
  });
}

async function asPng(blob) {
  if (blob.type === "image/png") return blob;
  const bitmap = await createImageBitmap(blob);
  const page = document.createElement("canvas");
  [page.width, page.height] = [bitmap.width, bitmap.height];
  page.getContext("2d").drawImage(bitmap, 0, 0);
  return new Promise((done) => page.toBlob(done, "image/png"));
}

function sizeOf(url) {
  return new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => done([image.naturalWidth, image.naturalHeight]);
    image.onerror = () => failed(new Error(url));
    image.src = url;
  });
}

/** Ask for another version of the picture, and show that once it is there. */
async function again(job, ask) {
  const turn = (again.turn = (again.turn ?? 0) + 1);
  const { id } = $(".job", job).dataset;
  const told = await (await fetch(`/api/v1/jobs/${id}`)).json();
  const response = await ask(id);
  if (!response.ok) return say(await problemOf(response), 8);
  job.setAttribute("aria-busy", "true");
  for (let pause = 250; turn === again.turn; pause = Math.min(pause * 1.1, 3000)) {
    await new Promise((done) => setTimeout(done, pause));
    const newer = await fetch(`/jobs/${id}/newer?after=${told.successor ?? told.version}`);
    if (newer.status !== 200 || turn !== again.turn) continue;
    job.innerHTML = await newer.text();
    job.removeAttribute("aria-busy");
    history.replaceState(null, "", `/jobs/${$(".job", job).dataset.id}`);
    window.htmx.process(job);
    startViewer();
    return;
  }
}

function posted(address, body) {
  return fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}) });
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-retry]")) again($("#job"), (id) => posted(`/jobs/${id}/retry`));
});

// --- what happens now ---

const LINES = 300;
const HAPPENINGS = ["daemon", "ended", "drop", "folder", "engine", "space", "settings", "cleaned", "stopping"];

function startNow() {
  const log = $("#log");
  if (!log) return;
  const shown = new Set();
  const bottom = () => { log.scrollTop = log.scrollHeight; };
  const add = (line) => {
    if (shown.has(line.number)) return;
    shown.add(line.number);
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.append(asLine(line));
    while (log.children.length > LINES) log.firstElementChild.remove();
    if (atEnd) bottom();
  };
  $("[data-log-problems]").addEventListener("change", (event) => {
    log.classList.toggle("problems-only", event.target.checked);
    bottom();
  });
  const source = new EventSource("/api/v1/events?log=true");
  const load = async () => {
    const answer = await fetch("/api/v1/log").catch(() => null);
    if (!answer?.ok) return;
    const lines = await answer.json();
    log.replaceChildren();
    shown.clear();
    lines.forEach(add);
  };
  source.addEventListener("open", load);
  source.addEventListener("daemon", load); // another one counts its lines anew
  source.addEventListener("log", (event) => add(JSON.parse(event.data)));
  for (const kind of HAPPENINGS) source.addEventListener(kind, happened);
  addEventListener("pagehide", () => source.close());
}

function asLine({ at, level, event, said }) {
  const line = document.createElement("li");
  line.className = level;
  const [time, what, text] = ["time", "b", "span"].map((each) => document.createElement(each));
  [time.dateTime, time.textContent, what.textContent, text.textContent] = [at, at.slice(11, 19), event, said];
  line.append(time, " ", what, " ", text);
  return line;
}

/** Show the state anew, once a second at most. */
function happened() {
  happened.timer ??= setTimeout(() => { happened.timer = null; window.htmx.trigger("#now", "happened"); }, 1000);
}

/** Arrow keys between the choices of a group. */
function arrows(group) {
  group.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = $$("button", group);
    const next = buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length];
    next.focus();
    next.click();
  });
}

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea") || event.altKey || event.metaKey) return;
  const viewer = $(".viewer");
  if (event.ctrlKey) {
    if (event.key === "z" && viewer?.undo) { event.preventDefault(); viewer.undo(); }
    return;
  }
  const press = { g: "[data-approve]", n: "[data-next]", r: "#redo button, [data-retry]", t: '[data-mode="touch_up"]' }[event.key];
  if (press && viewer) $(press)?.click();
});

document.addEventListener("htmx:afterSwap", startViewer);
startUploads();
startViewer();
startNow();

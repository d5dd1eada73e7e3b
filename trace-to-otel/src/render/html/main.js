// Puts it together: the list of traces, the search, the keys.
let found = new Set();
let matches = [];
let traceOrder = data.traces.map((_, number) => number);
const linkedFrom = new Map();
data.spans.forEach((span, index) => span.links.forEach((link) => {
  if (link.span < 0) return;
  if (!linkedFrom.has(link.span)) linkedFrom.set(link.span, []);
  linkedFrom.get(link.span).push(index);
}));
const matchesOfTrace = new Map();

const traceList = new List(document.getElementById("trace-list"), 44, (place) => {
  const trace = data.traces[traceOrder[place]];
  const row = element("div", "row trace");
  const count = matchesOfTrace.get(trace.number) ?? 0;
  row.setAttribute("role", "option");
  row.classList.toggle("failed", trace.failed);
  row.classList.toggle("dull", found.size > 0 && count === 0);
  const root = data.spans[trace.first];
  const whole = trace.stop - trace.start;
  const length = whole === root.duration ? spanDuration(root) : duration(whole);
  const facts = element("div", "facts", element("span", "", wall(trace.start, false).slice(0, 15)), element("span", "", `${trace.count} span${trace.count === 1 ? "" : "s"}`), element("span", "", length));
  const { name, hint } = root;
  row.append(element("div", "name", visible(name), hint === null ? "" : " ", hint === null ? null : element("span", "hint foreign", visible(hint))), facts);
  return row;
});

// Which traces have a row, and in which order: where the slowest come first, requests come before all else.
function sortTraces() {
  const by = document.getElementById("order").value;
  const keys = { start: [(t) => t.start], duration: [(t) => t.rank, (t) => -t.longest], spans: [(t) => -t.count] }[by];
  const compare = (one, other) => keys.reduce((sofar, key) => sofar || key(one) - key(other), 0) || one.number - other.number;
  const shown = data.traces.filter((trace) => [...trace.kinds].some((kind) => !waterfall.hidden.has(kind)));
  traceOrder = shown.sort(compare).map((trace) => trace.number);
  const all = data.traces.length, count = (number) => number.toLocaleString("en");
  document.getElementById("trace-count").textContent = `${traceOrder.length < all ? `${count(traceOrder.length)} of ` : ""}${count(all)} trace${all === 1 ? "" : "s"}`;
  traceList.chosen = waterfall.trace ? traceOrder.indexOf(waterfall.trace.number) : -1;
  traceList.show(traceOrder.length);
}

function chooseTrace(place) {
  if (place < 0 || place >= traceOrder.length) return;
  traceList.choose(place);
  const trace = data.traces[traceOrder[place]];
  // A trace of which nothing is critical would be empty.
  waterfall.onlyCritical &&= hasCritical(trace);
  showTrace(trace);
  chooseRow(0);
}

function spansOf(trace) {
  return data.spans.slice(trace.first, trace.first + trace.count);
}

function hasCritical(trace) {
  return spansOf(trace).some((span) => span.isCritical);
}

// What stands above all: what is known of the data, and perhaps more.
function showNotes(...more) {
  const notes = document.getElementById("notes");
  notes.textContent = [...data.notes, ...more].map(visible).join(" ");
  notes.hidden = notes.textContent === "";
}

function chooseRow(place) {
  if (waterfall.rows.length === 0) {
    waterfall.list.choose(-1);
    showNoDetails("Nothing is shown: the kinds of all spans are hidden.");
  }
  if (place < 0 || place >= waterfall.rows.length) return;
  waterfall.list.choose(place);
  showDetails(waterfall.rows[place]);
  nameInAddress(data.spans[waterfall.rows[place]]);
}

// Browsers refuse an address that changes with each repeat of a key that is held.
let naming = 0;
function setAddress(address) {
  clearTimeout(naming);
  naming = setTimeout(() => {
    try {
      history.replaceState(null, "", address);
    } catch {
      // Some previews of files let nobody do so; all else works there.
    }
  }, 300);
}

function nameInAddress(span) {
  if (!document.getElementById("spans").hidden) setAddress(`#trace=${data.traces[span.trace].id}&span=${span.id}`);
}

// Shows a span wherever it is.
function goTo(index) {
  showKind(data.spans[index].kind, true);
  const trace = data.traces[data.spans[index].trace];
  if (trace !== waterfall.trace) {
    traceList.choose(traceOrder.indexOf(trace.number));
    showTrace(trace);
  }
  for (let above = data.spans[index].parent; above >= 0; above = data.spans[above].parent) waterfall.folded.delete(above);
  if (waterfall.onlyCritical && !data.spans[index].isCritical) waterfall.onlyCritical = false;
  layOut();
  chooseRow(waterfall.rows.indexOf(index));
}

// Goes to the span or the view that the address names, if it is here.
function goToAddress() {
  const named = new URLSearchParams(location.hash.slice(1));
  const [trace, id, view] = ["trace", "span", "view"].map((key) => named.get(key));
  if (views.includes(view)) showView(view);
  if (id === null) return views.includes(view);
  const isNamed = (span) => span.id === id && (trace === null || data.traces[span.trace].id === trace);
  const index = data.spans.findIndex(isNamed);
  showNotes(...(index < 0 ? [`The span ${id}, which the address names, is not here.`] : []));
  if (index < 0) return false;
  showView("spans");
  goTo(index);
  return true;
}

// Shows the spans of a kind, or hides them.
function showKind(kind, isShown) {
  if (waterfall.hidden.has(kind) !== isShown) return;
  if (isShown) waterfall.hidden.delete(kind);
  else waterfall.hidden.add(kind);
  for (const entry of document.getElementById("legend").children) entry.setAttribute("aria-pressed", String(!waterfall.hidden.has(entry.textContent)));
  sortTraces();
  if (waterfall.trace === null) return;
  const chosen = waterfall.rows[waterfall.list.chosen];
  layOut();
  if (waterfall.rows.length === 0 && traceOrder.length > 0) chooseTrace(0);
  else chooseRow(Math.max(0, waterfall.rows.indexOf(chosen)));
}

// Whether a span has one of the texts, which are told by their places, or its id or its trace's is like what is wanted.
function hasText(span, isFound, wanted) {
  const { name, kind, attributes, events } = data.columns;
  const { index } = span;
  const some = (places) => places.some((place) => isFound[place]);
  return isFound[name[index]] || isFound[kind[index]] || some(attributes[index])
    || events[index].some(([, title, its]) => isFound[title] || some(its))
    || span.id.includes(wanted) || data.traces[span.trace].id.includes(wanted);
}

let lowered = null;
function search() {
  const wanted = document.getElementById("search").value.trim().toLowerCase();
  lowered ??= data.columns.texts.map((text) => text.toLowerCase());
  const isFound = wanted === "" ? [] : lowered.map((text) => text.includes(wanted));
  matches = wanted === "" ? [] : data.spans.flatMap((span, index) => (hasText(span, isFound, wanted) ? [index] : []));
  found = new Set(matches);
  matchesOfTrace.clear();
  for (const index of matches) {
    const { trace } = data.spans[index];
    matchesOfTrace.set(trace, (matchesOfTrace.get(trace) ?? 0) + 1);
  }
  document.getElementById("matches").textContent = wanted === "" ? "" : `${matches.length} found`;
  traceList.refresh();
  waterfall.list.refresh();
}

function nextMatch(step) {
  if (matches.length === 0) return;
  const now = waterfall.rows[waterfall.list.chosen] ?? -1;
  const after = matches.findIndex((index) => index > now);
  const before = matches.findLastIndex((index) => index < now);
  const place = step > 0 ? (after < 0 ? 0 : after) : before < 0 ? matches.length - 1 : before;
  document.getElementById("matches").textContent = `${place + 1} of ${matches.length}`;
  goTo(matches[place]);
}

function fold(index, isFolded) {
  if (isFolded) waterfall.folded.add(index);
  else waterfall.folded.delete(index);
  layOut();
  chooseRow(waterfall.rows.indexOf(index));
}

function left(index) {
  if (hasInner(index) && !waterfall.folded.has(index)) {
    fold(index, true);
    return;
  }
  let above = data.spans[index].parent;
  while (above >= 0 && !waterfall.rows.includes(above)) above = data.spans[above].parent;
  if (above >= 0) chooseRow(waterfall.rows.indexOf(above));
}

function right(index) {
  if (!hasInner(index)) return;
  if (waterfall.folded.has(index)) fold(index, false);
  else chooseRow(waterfall.list.chosen + 1);
}

// Which views the page has, in their order.
const views = ["overview", "spans", "flame"].filter((view) => {
  if (view === "overview") return Boolean(data.overview);
  return view === "spans" || (data.flame !== undefined && data.flame.profiles.length > 0);
});

// Shows one of the views, if the page has it, and gives it the focus unless that is to stay on its tab.
function showView(shown, { focus = true } = {}) {
  if (!views.includes(shown)) return;
  if (shown === "flame" && flame.profile === null) openProfiles();
  for (const view of views) {
    document.getElementById(view).hidden = view !== shown;
    const tab = document.getElementById(`view-${view}`);
    tab.setAttribute("aria-selected", String(view === shown));
    tab.tabIndex = view === shown ? 0 : -1;
  }
  document.getElementById("search-box").hidden = shown !== "spans";
  document.getElementById("help-button").hidden = shown === "flame";
  if (focus) ({ overview: document.getElementById("overview"), spans: waterfall.list.box, flame: flame.box })[shown].focus();
  nameView(shown);
}

// So that the address leads back to what is shown: among the spans to the one that is chosen.
function nameView(shown) {
  const span = data.spans[waterfall.rows[waterfall.list.chosen]];
  if (shown === "spans" && span !== undefined) nameInAddress(span);
  else setAddress(`#view=${shown}`);
}

function openViews() {
  document.getElementById("views").hidden = views.length < 2;
  views.forEach((view, place) => {
    const tab = document.getElementById(`view-${view}`);
    tab.hidden = false;
    if (views.length > 1) {
      const panel = document.getElementById(view);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
    }
    tab.addEventListener("click", () => showView(view, { focus: false }));
    tab.addEventListener("keydown", (event) => {
      const last = views.length - 1;
      const next = { ArrowLeft: place > 0 ? place - 1 : last, ArrowRight: place < last ? place + 1 : 0, Home: 0, End: last }[event.key];
      if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      showView(views[next], { focus: false });
      document.getElementById(`view-${views[next]}`).focus();
    });
  });
}

function onKey(event) {
  const box = document.getElementById("search");
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") !== null) return;
  // There letters are text, or choose by it.
  const isText = event.target.closest("input, select, textarea") !== null;
  const view = isText ? undefined : { o: "overview", s: "spans", p: "flame" }[event.key];
  if (view !== undefined && document.getElementById(view).hidden) showView(view);
  if (event.key === "?" && !document.getElementById("overview").hidden) document.getElementById("help").showModal();
  if (document.getElementById("spans").hidden) return;
  if (event.target === box) {
    if (event.key === "Enter") nextMatch(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") { box.value = ""; search(); waterfall.list.box.focus(); }
    return;
  }
  // Elsewhere keys do what they always do: buttons are pressed, details are scrolled.
  const isElsewhere = event.target.closest("button, select, a, #details") !== null && !["[", "]", "/", "?"].includes(event.key);
  if (isElsewhere || !waterfall.trace) return;
  const place = waterfall.list.chosen;
  const index = waterfall.rows[place];
  const isTraces = event.target === traceList.box;
  const page = Math.max(1, Math.floor(waterfall.list.box.clientHeight / 24) - 1);
  const keys = {
    ArrowDown: () => (isTraces ? chooseTrace(traceList.chosen + 1) : chooseRow(place + 1)),
    ArrowUp: () => (isTraces ? chooseTrace(traceList.chosen - 1) : chooseRow(place - 1)),
    ArrowLeft: () => index !== undefined && left(index),
    ArrowRight: () => index !== undefined && right(index),
    PageDown: () => chooseRow(Math.min(waterfall.rows.length - 1, place + page)),
    PageUp: () => chooseRow(Math.max(0, place - page)),
    Home: () => chooseRow(0),
    End: () => chooseRow(waterfall.rows.length - 1),
    "[": () => chooseTrace(traceList.chosen - 1),
    "]": () => chooseTrace(traceList.chosen + 1),
    "/": () => box.focus(),
    "?": () => document.getElementById("help").showModal(),
    z: () => index !== undefined && zoom(data.spans[index].start, data.spans[index].start + data.spans[index].duration),
    0: zoomOut,
    c: () => {
      waterfall.onlyCritical = !waterfall.onlyCritical && hasCritical(waterfall.trace);
      layOut();
      chooseRow(Math.max(0, waterfall.rows.indexOf(index)));
    },
  };
  if (!(event.key in keys)) return;
  event.preventDefault();
  keys[event.key]();
}

function start() {
  const [spans, traces] = [data.spans.length, data.traces.length];
  document.getElementById("summary").textContent = `${spans.toLocaleString("en")} spans in ${traces.toLocaleString("en")} traces`;
  showNotes();
  document.body.classList.toggle("plain", !data.spans.some((span) => span.anatomy));
  const kinds = [...new Set(data.spans.map((span) => span.kind))];
  document.getElementById("legend").append(...kinds.map((kind) => {
    const entry = element("button", "", kind);
    entry.type = "button";
    entry.title = "Show or hide these";
    entry.setAttribute("aria-pressed", "true");
    entry.style.setProperty("--kind", `var(--${kind})`);
    entry.addEventListener("click", () => showKind(kind, waterfall.hidden.has(kind)));
    return entry;
  }));
  openWaterfall();
  openLane();
  listenForZoom();
  addEventListener("hashchange", goToAddress);
  openViews();
  document.getElementById("help-button").addEventListener("click", () => document.getElementById("help").showModal());
  document.getElementById("search").addEventListener("input", search);
  document.getElementById("order").addEventListener("change", sortTraces);
  document.addEventListener("keydown", onKey);
  traceList.box.addEventListener("click", (event) => chooseTrace(List.placeOf(event.target)));
  const box = waterfall.list.box, tip = document.getElementById("tip");
  box.addEventListener("click", (event) => {
    const place = List.placeOf(event.target);
    if (place < 0) return;
    const index = waterfall.rows[place];
    if (event.target.classList.contains("fold") && hasInner(index)) fold(index, !waterfall.folded.has(index));
    else chooseRow(place);
  });
  box.addEventListener("dblclick", (event) => {
    const index = waterfall.rows[List.placeOf(event.target)];
    if (index !== undefined && hasInner(index)) fold(index, !waterfall.folded.has(index));
  });
  box.addEventListener("mousemove", (event) => {
    const index = event.target.closest(".track") ? waterfall.rows[List.placeOf(event.target)] : undefined;
    if (index === undefined) tip.hidden = true;
    else showTip(index, event);
  });
  box.addEventListener("mouseleave", () => { tip.hidden = true; });
  sortTraces();
  if (traces === 0) box.replaceChildren(element("p", "empty", data.nothing));
  else chooseTrace(0);
  if (views.includes("overview")) openOverview();
  if (!goToAddress()) showView(views[0]);
}

start();

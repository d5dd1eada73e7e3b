// The choice of a profile, the search and the keys of its flame graph.
function showProfile(number) {
  const profile = data.flame.profiles[number];
  if (profile === undefined) return;
  Object.assign(flame, { profile, rows: layOutBoxes(growBoxes(profile, flame.span)) });
  document.getElementById("flame-profile").value = String(number);
  const within = flame.span === null ? "" : `, within ${visible(data.spans[flame.span].name)}`;
  document.getElementById("flame-about").textContent = profile.about + within;
  document.getElementById("flame-whole").hidden = flame.span === null;
  const note = document.getElementById("flame-note");
  note.textContent = profile.notes.join(" ");
  note.hidden = profile.notes.length === 0;
  flame.box.scrollTop = 0;
  flame.top = flame.rows[0][0];
  searchBoxes();
  zoomTo(flame.top);
}

// Shows the profile of a span alone, or of all.
function showSpanProfile(span, number) {
  flame.span = span;
  showProfile(number);
}

function searchBoxes() {
  const wanted = document.getElementById("flame-search").value.trim().toLowerCase();
  const isFound = ({ name, file }) => name.toLowerCase().includes(wanted) || file.toLowerCase().includes(wanted);
  flame.matches = wanted === "" ? [] : flame.rows.flatMap((row) => row.filter(isFound));
  flame.found = new Set(flame.matches);
  // What is called by one that is found is in its time already.
  const covered = new Set();
  let weight = 0;
  for (const box of flame.rows.flat()) {
    const isCovered = covered.has(box.caller);
    if (isCovered || flame.found.has(box)) covered.add(box);
    if (!isCovered && flame.found.has(box)) weight += box.total;
  }
  document.getElementById("flame-matches").textContent = wanted === "" ? "" : `${flame.matches.length} found, ${share(weight)}`;
  drawFlame();
}

function nextBox(step) {
  const { matches, chosen } = flame;
  if (matches.length === 0) return;
  const now = matches.indexOf(chosen);
  const next = now < 0 ? (step > 0 ? 0 : matches.length - 1) : (now + step + matches.length) % matches.length;
  chooseBox(matches[next]);
  document.getElementById("flame-matches").textContent = `${next + 1} of ${matches.length}`;
}

function onFlameKey(event) {
  const search = document.getElementById("flame-search");
  if (document.getElementById("flame").hidden || document.getElementById("flame-help").open) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
  if (event.target === search) {
    if (event.key === "Enter") nextBox(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") { search.value = ""; searchBoxes(); flame.box.focus(); }
    return;
  }
  const { chosen, rows, profile } = flame;
  const beside = (step) => rows[chosen.depth][chosen.place + step];
  const number = data.flame.profiles.indexOf(profile);
  const go = (box) => { if (box) chooseBox(box); };
  const keys = {
    ArrowUp: () => go(chosen.caller),
    ArrowDown: () => go(chosen.callees.values().next().value),
    ArrowLeft: () => go(beside(-1)),
    ArrowRight: () => go(beside(1)),
    Home: () => go(rows[0][0]),
    Enter: () => zoomTo(chosen),
    0: () => zoomTo(rows[0][0]),
    "[": () => showProfile(number - 1),
    "]": () => showProfile(number + 1),
    "/": () => search.focus(),
    "?": () => document.getElementById("flame-help").showModal(),
  };
  const isElsewhere = ["A", "BUTTON"].includes(event.target.tagName) && event.key === "Enter";
  if (!(event.key in keys) || isElsewhere) return;
  event.preventDefault();
  keys[event.key]();
}

function openProfiles() {
  const { profiles } = data.flame;
  const choice = document.getElementById("flame-profile");
  choice.append(...profiles.map((profile, number) => {
    flame.profile = profile;
    const option = element("option", "", visible(`${profile.process === null ? "" : `${profile.process}: `}${profile.kind}, ${amount(profile.total)}`));
    option.value = String(number);
    return option;
  }));
  choice.addEventListener("change", () => showProfile(Number(choice.value)));
  document.getElementById("flame-search").addEventListener("input", searchBoxes);
  document.getElementById("flame-out").addEventListener("click", () => zoomTo(flame.rows[0][0]));
  const number = () => data.flame.profiles.indexOf(flame.profile);
  document.getElementById("flame-whole").addEventListener("click", () => showSpanProfile(null, number()));
  document.getElementById("flame-help-button").addEventListener("click", () => document.getElementById("flame-help").showModal());
  document.addEventListener("keydown", onFlameKey);
  const { box } = flame, tip = document.getElementById("flame-tip");
  box.addEventListener("click", (event) => { const clicked = boxAt(event.target); if (clicked) zoomTo(clicked); });
  box.addEventListener("mousemove", (event) => {
    const under = boxAt(event.target);
    if (under === null) tip.hidden = true;
    else showBoxTip(under, event);
  });
  box.addEventListener("mouseleave", () => { tip.hidden = true; });
  let isDue = false;
  const soon = () => {
    if (isDue || flame.top === null) return;
    isDue = true;
    requestAnimationFrame(() => { isDue = false; drawFlame(); });
  };
  box.addEventListener("scroll", soon, { passive: true });
  new ResizeObserver(soon).observe(box);
  document.getElementById("flame").hidden = false;
  showProfile(data.flame.first);
}

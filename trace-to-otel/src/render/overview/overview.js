// What the program did, as tables: the heaviest first.
function count(number) {
  return number.toLocaleString("en");
}

function percentage(share) {
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

function bytes(number) {
  for (const [unit, name] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (number >= unit) return `${(number / unit).toFixed(1)} ${name}`;
  }
  return `${number} B`;
}

function fromTo([least, greatest]) {
  return least === greatest ? bytes(least) : `${bytes(least)} to ${bytes(greatest)}`;
}

// A table with what its columns are called, whose first cells are the names of its rows. Narrow screens show a row as a card, with
// the names of the columns in it: what that does to the roles is undone here.
function figures(title, columns, rows, all) {
  const withRole = (node, role) => { node.setAttribute("role", role); return node; };
  const isText = (place) => place === 0 || ["for", "for whom", "reason"].includes(columns[place]);
  const headings = columns.map((column, place) => withRole(element("th", isText(place) ? "" : "number", column), "columnheader"));
  headings.forEach((heading) => { heading.scope = "col"; });
  const lines = rows.map((cells) => withRole(element("tr", "", ...cells.map((cell, place) => {
    const node = withRole(element(place === 0 ? "th" : "td", isText(place) ? "" : "number", cell), place === 0 ? "rowheader" : "cell");
    if (place === 0) node.scope = "row";
    else node.dataset.column = columns[place];
    return node;
  })), "row"));
  const head = withRole(element("thead", "", withRole(element("tr", "", ...headings), "row")), "rowgroup");
  const table = withRole(element("table", "", head, withRole(element("tbody", "", ...lines), "rowgroup")), "table");
  const heading = element("h2", "", title);
  heading.id = `overview-${title.replaceAll(" ", "-")}`;
  table.setAttribute("aria-labelledby", heading.id);
  const more = all > rows.length ? element("p", "more", `… ${count(all - rows.length)} more, which the page does not hold`) : null;
  return element("section", "", heading, table, more);
}

// A text as a name, with what is said of it below.
function named(name, ...below) {
  return element("div", "", name, ...below.filter((each) => each !== "").map((each) => element("div", "below", each)));
}

// Bars of heights from 0 to 100, of which a screen reader gets a text.
function bars(heights, text, classes) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  const bar = (height, place) => (height > 0 ? `M${place} 100v${-Math.max(4, height)}h1v${Math.max(4, height)}z` : "");
  path.setAttribute("d", heights.map(bar).join(""));
  picture.setAttribute("viewBox", `0 0 ${heights.length} 100`);
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("class", classes);
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", text);
  picture.append(path);
  return picture;
}

// How time splits, as a bar, and in words: what had most first.
function split(times) {
  const whole = times.reduce((sum, time) => sum + time, 0);
  if (whole === 0) return [];
  const parts = times.map((time, part) => [time, part]).filter(([time]) => time >= whole / 100).sort(([one], [other]) => other - one);
  const bar = splitBar({ anatomy: times });
  bar.setAttribute("aria-hidden", "true");
  return [bar, parts.map(([time, part]) => `${percentage(time / whole)} ${data.parts[part]}`).join(", ")];
}

// The longest span of each scope, kind and name on the page.
function longestSpans() {
  const longest = new Map();
  data.spans.forEach((span, index) => {
    const key = groupKey(span);
    if (!longest.has(key) || data.spans[longest.get(key)].duration < span.duration) longest.set(key, index);
  });
  return longest;
}

function groupKey({ scope, kind, name }) {
  return JSON.stringify([scope, kind, name]);
}

function spanRow(group, longest) {
  const index = longest.get(groupKey(group));
  const name = element(index === undefined ? "span" : "button", "name foreign", visible(group.name));
  if (index !== undefined) {
    name.type = "button";
    name.title = "Show the slowest of them on this page";
    name.addEventListener("click", () => { showView("spans"); goTo(index); });
  }
  const kind = element("span", "kind", group.kind);
  kind.style.setProperty("--kind", `var(--${group.kind})`);
  const failed = group.errors > 0 ? element("span", "failed", `${count(group.errors)} failed`) : "";
  const incomplete = group.incomplete > 0 ? `${count(group.incomplete)} not recorded to the end` : "";
  const [p50, p95, p99, max] = group.durations;
  const text = `half took up to ${duration(p50)}, 95 in 100 up to ${duration(p95)}, the longest ${duration(max)}`;
  const rate = data.overview.duration > 0 ? ((group.count * 1e9) / data.overview.duration).toFixed(1) : "";
  const below = named(element("div", "", kind, name), failed, incomplete, ...split(group.split));
  return [below, bars(group.picture, text, "picture"), count(group.count), rate, ...[p50, p95, p99, max].map(duration)];
}

function spanTable(title, { rows, count: all, scale }, longest) {
  if (rows.length === 0) return null;
  const columns = [`from ${duration(scale[0])} to ${duration(scale[1])}`, "count", "a second", "p50", "p95", "p99", "max"];
  return figures(title, ["name", ...columns], rows.map((row) => spanRow(row, longest)), all);
}

function groupRow({ name, count: goroutines, times, waiting, split: parts }) {
  const quantiles = (p50, p99) => (goroutines > 1 && p99 > 0 ? [`p50 ${duration(p50)}`, `p99 ${duration(p99)}`] : []);
  const cells = times.map(([total, p50, p99]) => named(duration(total), ...quantiles(p50, p99)));
  const function_ = element("span", "foreign", withoutPath(visible(name)));
  function_.title = visible(name);
  return [named(function_, ...split(parts)), count(goroutines), ...cells, duration(waiting)];
}

function goroutineTable({ groups, runtime }) {
  const rows = runtime === null ? groups.rows : [...groups.rows, runtime];
  if (rows.length === 0) return null;
  const all = groups.count + (runtime === null ? 0 : 1);
  return figures("goroutines by function", ["function", "count", "running", "runnable", "in system calls", "waiting"], rows.map(groupRow), all);
}

function placeRow([name, file, line]) {
  const place = element("span", "foreign", `${withoutPath(visible(name))}  ${visible(file).split("/").pop()}:${line}`);
  place.title = `${visible(name)}\n${visible(file)}:${line}`;
  return place;
}

function waitTable({ rows, count: all }) {
  if (rows.length === 0) return null;
  const row = ({ reason, count: times, nanoseconds, places }) => {
    const [first, ...others] = places.map(placeRow);
    return [named(first ?? "no stack", ...others), visible(reason) || "unknown reason", count(times), duration(nanoseconds)];
  };
  return figures("where goroutines waited", ["where", "for", "count", "time"], rows.map(row), all);
}

function wakeupTable({ rows, count: all }) {
  if (rows.length === 0) return null;
  const row = ({ waiter, waker, reason, count: times, nanoseconds }) => {
    const by = waker === null ? "the network, a timer or the runtime" : withoutPath(visible(waker));
    return [element("span", "foreign", withoutPath(visible(waiter))), element("span", "foreign", by), visible(reason) || "unknown reason", count(times), duration(nanoseconds)];
  };
  return figures("who waited for whom", ["who", "for whom", "reason", "count", "time"], rows.map(row), all);
}

function durationTable(title, rows, note) {
  if (rows.length === 0) return null;
  const cells = ({ name, count: times, durations }) => [name, count(times), ...durations.map(duration)];
  const table = figures(title, ["what", "count", "p50", "p90", "p99", "max", "altogether"], rows.map(cells), rows.length);
  if (note !== "") table.append(element("p", "more", note));
  return table;
}

function collectionNote({ heap, heap_goal: goal, assist_share: share }) {
  const parts = [];
  if (share !== null) parts.push(`assists are ${percentage(share)} of the time wanting to run`);
  if (heap !== null) parts.push(`heap ${fromTo(heap)}`);
  if (goal !== null) parts.push(`goal ${fromTo(goal)}`);
  return parts.join(", ");
}

// What it is, how busy it was, and the way to what was slowest.
function answer(overview) {
  const { busy, running, goroutines } = overview;
  const share = busy.share === null ? "" : `Busy ${percentage(busy.share)} of the procs' time: `;
  const lines = [visible(overview.about), `${share}${duration(running)} running in ${count(goroutines)} goroutine${goroutines === 1 ? "" : "s"}.`];
  const parts = busy.parts.some((part) => part !== null) && busy.parts.length >= 4 ? busy.parts.map((part) => 100 * Math.min(1, part ?? 0)) : [];
  const text = `how busy it was over time, from ${percentage(Math.min(...parts) / 100)} to ${percentage(Math.max(...parts) / 100)}`;
  const overTime = parts.length === 0 ? null : element("div", "busy", bars(parts, text, "parts"), element("p", "more", `busy over time, each bar ${duration(busy.width)}`));
  return element("section", "about", ...lines.map((line) => element("p", "", line)), others(overview), overTime, slowest());
}

// Says so where the page has not all the spans that the overview tells of.
function others(overview) {
  if (overview.spans <= data.spans.length) return null;
  return element("p", "more", `All this is of ${count(overview.spans)} spans, not only of the ${count(data.spans.length)} that the page holds.`);
}

// The slowest span of the page, requests before all else, whatever the order of the list is.
function slowest() {
  const isSlower = (one, other) => other === undefined || one.rank < other.rank || (one.rank === other.rank && one.longest > other.longest);
  let trace;
  for (const each of data.traces) if (isSlower(each, trace)) trace = each;
  if (trace === undefined) return null;
  const span = data.spans[trace.slowest];
  const button = element("button", "", element("span", "foreign", visible(span.name)), `, ${spanDuration(span)}`);
  button.type = "button";
  button.addEventListener("click", () => { showView("spans"); goTo(trace.slowest); });
  return element("p", "", "Slowest on this page: ", button);
}

function openOverview() {
  const { overview } = data;
  const longest = longestSpans();
  document.getElementById("overview").replaceChildren(...[
    answer(overview),
    spanTable("requests and queries", overview.requests, longest),
    spanTable("tasks and regions", overview.tasks, longest),
    goroutineTable(overview),
    waitTable(overview.waits),
    wakeupTable(overview.wakeups),
    durationTable("scheduler", overview.scheduler, ""),
    durationTable("garbage collection", overview.collections, collectionNote(overview)),
  ].filter((section) => section !== null));
}

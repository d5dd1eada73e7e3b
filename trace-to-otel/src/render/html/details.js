// Everything about one span.

// A key that may break behind its dots.
function keyed(key) {
  const cell = element("td", "foreign");
  visible(key).match(/[^._]*[._]?/g).forEach((part) => cell.append(part, element("wbr")));
  return cell;
}

function table(pairs) {
  const body = element("tbody");
  for (const [key, value] of pairs) {
    body.append(element("tr", "", keyed(key), element("td", "foreign", visible(value))));
  }
  return element("table", "", body);
}

function showNoDetails(why) {
  document.getElementById("details").replaceChildren(element("p", "empty", why));
}

function showDetails(index) {
  const box = document.getElementById("details");
  const span = data.spans[index];
  const badge = element("span", "badge", span.kind);
  badge.style.setProperty("--kind", `var(--${span.kind})`);
  const sort = element("p", "sort", badge, span.failed ? element("span", "badge error", "error") : null,
    `${spanDuration(span)}, from ${wall(span.start, true)} UTC`);
  const parts = [element("h2", "foreign", visible(span.name)), sort];
  if (span.missing) parts.push(element("p", "", `Its ${span.missing} was not recorded: it is taken to be the trace's own.`));
  if (span.critical.length > 0) {
    const time = span.critical.reduce((sum, [, length]) => sum + length, 0);
    parts.push(element("p", "", `On the critical path for ${duration(time)}.`));
  }
  if (span.anatomy) parts.push(element("h3", "", "What its goroutine did"), splitBar(span), anatomyTable(span));
  parts.push(...waitsOf(index));
  const profile = (data.flame?.profiles ?? []).findIndex((each) => samplesOf(each, index).length > 0);
  if (profile >= 0) parts.push(profileButton(index, profile));
  const stack = span.attributes.find(([key]) => key === "code.stacktrace")?.[1];
  const attributes = span.attributes.filter(([key]) => key !== "code.stacktrace");
  if (attributes.length > 0) parts.push(element("h3", "", "Attributes"), table(attributes));
  if (stack) {
    const lines = stack.split("\n").filter((line) => line !== "");
    parts.push(element("h3", "", "Stack"), ...lines.map((line) => element("div", "foreign", visible(line.trim()))));
  }
  if (span.eventCount > 0) {
    const most = 500;
    parts.push(element("h3", "", `Events (${span.eventCount > most ? `the first ${most} of ` : ""}${span.eventCount})`));
    for (const event of span.events(most)) {
      parts.push(table([[`+${duration(event.time - span.start)}  ${event.name}`, event.attributes.map(([, value]) => value).join(" ")]]));
    }
  }
  if (span.dropped) parts.push(element("p", "", `${span.dropped} attributes, events or links were left out by limits.`));
  const related = [];
  if (span.parent >= 0) related.push(["parent", data.spans[span.parent].name, span.parent]);
  span.links.forEach((link) => related.push(["link to", link.span >= 0 ? data.spans[link.span].name : link.id, link.span]));
  (linkedFrom.get(index) ?? []).forEach((other) => related.push(["linked from", data.spans[other].name, other]));
  if (related.length > 0) parts.push(element("h3", "", "Related"), relatedTable(related));
  const process = span.process === null ? [] : [["process", span.process]];
  parts.push(element("h3", "", "Ids"), table([["trace", data.traces[span.trace].id], ["span", span.id], ["scope", span.scope], ...process]));
  box.replaceChildren(...parts);
}

function profileButton(index, profile) {
  const button = element("button", "", "Flame graph of this span");
  button.type = "button";
  button.addEventListener("click", () => {
    showView("flame");
    showSpanProfile(index, profile);
  });
  return element("p", "", button);
}

function anatomyTable(span) {
  const whole = Math.max(1, span.duration);
  const body = element("tbody");
  span.anatomy.forEach((time, part) => {
    if (time === 0) return;
    const square = element("span", "square");
    square.style.setProperty("--part", `var(--${partColors[part]})`);
    const share = `${((100 * time) / whole).toFixed(1)} %`;
    body.append(element("tr", "", element("td", "", square, data.parts[part]), element("td", "number", duration(time)), element("td", "number", share)));
  });
  if (span.assist > 0) {
    body.append(element("tr", "", element("td", "", "of it assisting the GC"), element("td", "number", duration(span.assist)), element("td")));
  }
  return element("table", "parts", body);
}

function relatedTable(related) {
  const body = element("tbody");
  for (const [what, name, target] of related) {
    const label = element(target >= 0 ? "a" : "span", "foreign", visible(name));
    if (target >= 0) {
      label.tabIndex = 0;
      label.setAttribute("role", "button");
      label.addEventListener("click", () => goTo(target));
      label.addEventListener("keydown", (event) => event.key === "Enter" && goTo(target));
    }
    body.append(element("tr", "", element("td", "", what), element("td", "", label)));
  }
  return element("table", "", body);
}

function showTip(index, event) {
  const tip = document.getElementById("tip");
  const span = data.spans[index];
  const wait = span.anatomy ? splitBar(span) : null;
  tip.replaceChildren(element("b", "foreign", visible(span.name)), ` ${spanDuration(span)}`, element("div", "", `${span.kind}, +${duration(span.start - waterfall.trace.start)}`), ...(wait ? [wait] : []));
  tip.hidden = false;
  placeTip(tip, event);
}

function placeTip(tip, event) {
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
  tip.style.top = `${event.clientY + 18 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 18}px`;
}

// What a span waited for itself, with none of its children open on its goroutine, and where in the source.
function waitsTable(waits) {
  const body = element("tbody");
  for (const [time, reason, place, caller] of waits) {
    const what = element("td", "foreign", `${duration(time)} ${visible(reason)}`);
    const where = element("td", "foreign", visible(place), caller === null ? null : element("div", "", `for ${visible(caller)}`));
    body.append(element("tr", "", what, where));
  }
  return element("table", "", body);
}

// Its heading and its table; nothing where nothing is known.
function waitsOf(index) {
  const waits = data.waits?.[index];
  return waits === undefined ? [] : [element("h3", "", "What it waited for itself"), waitsTable(waits)];
}

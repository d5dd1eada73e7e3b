// What a span waited for itself longest, with none of its children open on its goroutine, and where in the source.
function waitsTable(waits) {
  const table = element("table");
  table.setAttribute("aria-label", "Its longest waits");
  const head = element("tr");
  for (const name of ["time", "for", "where"]) {
    const cell = element("th", "", name);
    cell.scope = "col";
    head.append(cell);
  }
  const body = element("tbody");
  for (const [time, reason, place, caller] of waits) {
    const where = element("td", "foreign", visible(place), caller === null ? null : element("div", "", `for ${visible(caller)}`));
    body.append(element("tr", "", element("td", "number", duration(time)), element("td", "foreign", visible(reason || "unknown")), where));
  }
  table.append(element("thead", "", head), body);
  return table;
}

// Its heading and its table; nothing where nothing is known.
function waitsOf(index) {
  const waits = data.waits?.[index];
  return waits === undefined ? [] : [element("h3", "", "Its longest waits"), waitsTable(waits)];
}

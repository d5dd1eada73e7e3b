// A list of which only the rows in view exist.
class List {
  constructor(box, height, draw) {
    Object.assign(this, { box, height, draw, count: 0, chosen: -1 });
    this.room = element("div", "room");
    box.append(this.room);
    let isDue = false;
    const soon = () => {
      if (isDue) return;
      isDue = true;
      requestAnimationFrame(() => { isDue = false; this.refresh(); });
    };
    box.addEventListener("scroll", soon, { passive: true });
    new ResizeObserver(soon).observe(box);
  }

  show(count) {
    this.count = count;
    this.room.style.height = `${count * this.height}px`;
    this.refresh();
  }

  refresh() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / this.height) - 5);
    const last = Math.min(this.count, Math.ceil((this.box.scrollTop + this.box.clientHeight) / this.height) + 5);
    const rows = [];
    for (let i = first; i < last; i += 1) {
      const row = this.draw(i);
      row.style.top = `${i * this.height}px`;
      row.dataset.place = i;
      row.id = `${this.box.id}-${i}`;
      row.classList.toggle("chosen", i === this.chosen);
      row.setAttribute("aria-selected", String(i === this.chosen));
      row.setAttribute("aria-setsize", String(this.count));
      row.setAttribute("aria-posinset", String(i + 1));
      rows.push(row);
    }
    this.room.replaceChildren(...rows);
    // Only what is drawn can be named.
    if (this.chosen >= first && this.chosen < last) this.box.setAttribute("aria-activedescendant", `${this.box.id}-${this.chosen}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  choose(place) {
    this.chosen = place;
    const top = place * this.height, bottom = top + this.height;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (bottom > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = bottom - this.box.clientHeight;
    this.refresh();
  }

  static placeOf(target) {
    const row = target.closest("[data-place]");
    return row ? Number(row.dataset.place) : -1;
  }
}

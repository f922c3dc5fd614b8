/* A long list of which only what is in view, and a screen before and after it, is in the page. */

class Lines {
  /** `draw` makes the element of a line `{height, …}`. */
  constructor(container, draw) {
    this.container = container;
    this.draw = draw;
    this.lines = [];
    this.tops = [0];
    this.drawn = new Map();
    this.waiting = false;
    addEventListener("scroll", () => this.soon(), { passive: true });
  }

  show(lines) {
    this.lines = lines;
    this.tops = [0];
    for (const line of lines) this.tops.push(this.tops.at(-1) + line.height);
    this.container.style.height = `${this.tops.at(-1)}px`;
    this.redraw();
  }

  redraw() {
    for (const drawn of this.drawn.values()) drawn.remove();
    this.drawn.clear();
    this.update();
  }

  soon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.update();
    });
  }

  update() {
    const top = -this.container.getBoundingClientRect().top;
    const first = this.at(top - innerHeight);
    const last = this.at(top + 2 * innerHeight);
    for (const [number, drawn] of this.drawn) {
      // What has the focus stays, so that the keyboard goes on from there.
      if ((number < first || number > last) && !drawn.contains(document.activeElement)) {
        drawn.remove();
        this.drawn.delete(number);
      }
    }
    for (let number = first; number <= last && number < this.lines.length; number += 1) {
      if (!this.drawn.has(number)) this.insert(number);
    }
  }

  /** Put a line where it belongs, also in the order of reading. */
  insert(number) {
    const drawn = this.draw(this.lines[number]);
    drawn.style.transform = `translateY(${this.tops[number]}px)`;
    drawn.dataset.line = number;
    const after = [...this.container.children].find((other) => other.dataset.line > number);
    this.container.insertBefore(drawn, after ?? null);
    this.drawn.set(number, drawn);
  }

  /** Return the number of the line at a height. */
  at(height) {
    let [low, high] = [0, this.lines.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.tops[middle] <= height) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Return the place of a line on the screen. */
  topOf(number) {
    return this.container.getBoundingClientRect().top + this.tops[number];
  }

  /** Scroll until a line is in view below the bar at the top; if `first`, right below it. */
  reveal(number, barHeight, first = false) {
    const offset = this.container.getBoundingClientRect().top + scrollY;
    const [top, bottom] = [this.tops[number] + offset, this.tops[number + 1] + offset];
    if (first || top < scrollY + barHeight) scrollTo({ top: top - barHeight });
    else if (bottom > scrollY + innerHeight) scrollTo({ top: bottom - innerHeight });
    this.update();
  }
}

/* Zooming and moving pictures of the large view, all of them in step. */

const ZOOM = { most: 16, wheel: 0.0015, pinch: 0.01, step: 1.5 };

// Pixels that a pointer may move during a click, and those of a picture the server converts.
const STILL = 4;
const CONVERTED = 1600;

/** Pictures of one stage: how large they are, and which part of them is seen.
 *
 * The scale is 1 where a whole picture is seen; the middle is a place in the picture, from 0 to 1,
 * so that two pictures of one subject show the same part of it. */
class Zoom {
  /** `changed` is told when pictures lie elsewhere, `clicked` of clicks that moved nothing. */
  constructor(changed, clicked) {
    this.changed = changed;
    this.clicked = clicked;
    this.pictures = [];
    this.observer = new ResizeObserver(() => this.draw());
    this.reset();
  }

  reset() {
    this.scale = 1;
    this.middle = [0.5, 0.5];
    this.pointers = new Map();
  }

  /** Take the pictures of a new stage: elements with what `picture` of the viewer gives them. */
  take(pictures) {
    this.observer.disconnect();
    this.pointers.clear();
    this.pictures = pictures;
    for (const picture of pictures) {
      const { box } = picture;
      this.observer.observe(box);
      box.addEventListener("wheel", (event) => this.wheel(event, picture), { passive: false });
      box.addEventListener("pointerdown", (event) => this.press(event, picture));
      box.addEventListener("pointermove", (event) => this.move(event, picture));
      for (const type of ["pointerup", "pointercancel"]) {
        box.addEventListener(type, (event) => this.release(event));
      }
      box.addEventListener("dblclick", (event) => this.toggle(picture, event));
    }
    this.draw();
  }

  /** The picture whose pixels count: the last one, which a decision is about. */
  get main() {
    return this.pictures.at(-1);
  }

  /** Return the width of a whole picture where it fits into its box. */
  fit({ box, size, most }) {
    const [width, height] = size;
    const factor = Math.min(box.clientWidth / width, box.clientHeight / height);
    return width * Math.min(factor, most ? most / width : Infinity);
  }

  /** The scale at which a pixel of the main picture is a pixel of the screen. */
  get whole() {
    return this.main.size[0] / devicePixelRatio / (this.fit(this.main) || 1);
  }

  /** How large the pixels of the main picture are, as a share of those of the screen. */
  get share() {
    return this.scale / this.whole;
  }

  draw() {
    for (const picture of this.pictures) this.place(picture);
    if (this.pictures.length) this.changed();
  }

  place(picture) {
    const { box, canvas, size } = picture;
    const width = this.fit(picture) * this.scale;
    const sides = [width, (width * size[1]) / size[0]];
    const room = [box.clientWidth, box.clientHeight];
    const start = sides.map((side, axis) => {
      if (side <= room[axis]) return (room[axis] - side) / 2;
      return Math.min(0, Math.max(room[axis] - side, room[axis] / 2 - this.middle[axis] * side));
    });
    picture.place = { x: start[0], y: start[1], width: sides[0], height: sides[1] };
    canvas.style.left = `${start[0]}px`;
    canvas.style.top = `${start[1]}px`;
    canvas.style.width = `${sides[0]}px`;
    canvas.style.height = `${sides[1]}px`;
    box.classList.toggle("zoomed", this.scale > 1.001);
    if (picture.whole && width * devicePixelRatio > CONVERTED * 1.05) picture.whole();
  }

  /** Set the scale; what is at a point of a picture stays there. */
  zoomTo(scale, picture = this.main, point = null) {
    const most = Math.max(ZOOM.most, 2 * this.whole);
    const next = Math.min(most, Math.max(1, scale));
    const { box, place } = picture;
    const at = point ?? [box.clientWidth / 2, box.clientHeight / 2];
    const sides = [place.width, place.height];
    const grown = next / this.scale;
    const room = [box.clientWidth, box.clientHeight];
    this.middle = at.map((value, axis) => {
      const inside = (value - (axis ? place.y : place.x)) / sides[axis];
      const half = room[axis] / 2 / (sides[axis] * grown);
      const middle = inside + (room[axis] / 2 - value) / (sides[axis] * grown);
      return half >= 0.5 ? 0.5 : Math.min(1 - half, Math.max(half, middle));
    });
    this.scale = next;
    this.draw();
  }

  /** Go from the whole picture to its pixels, or back. */
  toggle(picture = this.main, event = null) {
    const point = event && pointIn(picture.box, event);
    if (this.scale > 1.001) this.zoomTo(1);
    else this.zoomTo(Math.max(this.whole, ZOOM.step), picture, point);
  }

  step(direction) {
    this.zoomTo(this.scale * ZOOM.step ** direction);
  }

  pan(dx, dy, { place, box }) {
    const sides = [place.width, place.height];
    const room = [box.clientWidth, box.clientHeight];
    this.middle = [dx, dy].map((change, axis) => {
      const half = room[axis] / 2 / sides[axis];
      const middle = this.middle[axis] - change / sides[axis];
      return half >= 0.5 ? 0.5 : Math.min(1 - half, Math.max(half, middle));
    });
    this.draw();
  }

  /** Move what is seen by a share of the stage, by a key. */
  panBy(x, y) {
    if (this.scale <= 1.001) return false;
    const { box } = this.main;
    this.pan(-x * box.clientWidth * 0.2, -y * box.clientHeight * 0.2, this.main);
    return true;
  }

  wheel(event, picture) {
    event.preventDefault();
    const rate = event.ctrlKey ? ZOOM.pinch : ZOOM.wheel;
    const lines = event.deltaMode === 1 ? 16 : 1;
    const factor = Math.exp(-event.deltaY * lines * rate);
    this.zoomTo(this.scale * factor, picture, pointIn(picture.box, event));
  }

  press(event, picture) {
    if (event.button || event.target.closest("button, input, video")) return;
    picture.box.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    this.moved = 0;
  }

  move(event, picture) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    this.moved += Math.hypot(dx, dy);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (other) {
      const apart = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
      const middle = { clientX: (now[0] + other[0]) / 2, clientY: (now[1] + other[1]) / 2 };
      this.zoomTo((this.scale * apart(now)) / Math.max(1, apart(before)), picture,
        pointIn(picture.box, middle));
      this.pan(dx / 2, dy / 2, picture);
    } else if (this.scale > 1.001 && this.moved > STILL) {
      this.pan(dx, dy, picture);
    }
  }

  release(event) {
    const was = this.pointers.delete(event.pointerId);
    if (was && event.type === "pointerup" && this.moved <= STILL) this.clicked();
  }
}

/** Return where in an element a pointer is. */
function pointIn(box, { clientX, clientY }) {
  const { left, top } = box.getBoundingClientRect();
  return [clientX - left, clientY - top];
}

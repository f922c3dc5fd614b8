/* Large pictures: the photo itself, or the largest picture of it that there is. */

/** Make the figure of a photo, and what `Zoom` needs of it; `loaded` is told when it is there. */
function pictureOf(page, row, caption, loaded) {
  const { addresses } = page;
  const image = element("img", { alt: describe(page, row), decoding: "async", draggable: "false" });
  const canvas = element("div", { class: "canvas" }, image);
  const box = element("div", { class: "picture" }, canvas);
  const figure = element("figure", {}, box, caption);
  const picture = { row, box, canvas, figure, size: [row.width || 4, row.height || 3] };
  const none = () => canvas.replaceWith(element("p", { class: "nothing" }, t("viewer.none")));
  loadLargest(image, row, addresses, picture, none, loaded);
  const whole = addresses.whole(row);
  if (whole) {
    picture.whole = () => {
      picture.whole = null;
      const better = new Image();
      better.onload = () => (image.src = whole);
      better.src = whole;
    };
  }
  return { figure, picture };
}

/** Show the photo itself, else a picture of a screen's size, else the thumbnail as it is. */
function loadLargest(image, row, addresses, picture, none, loaded) {
  const sources = [
    addresses.shown(row) ? addresses.photo(row) : addresses.large(row), addresses.thumb(row),
  ];
  const next = () => {
    if (!sources.length) none();
    else image.src = sources.shift();
  };
  image.onerror = next;
  image.onload = () => {
    // A thumbnail is not blown up.
    picture.most = sources.length ? null : image.naturalWidth;
    loaded();
  };
  next();
}

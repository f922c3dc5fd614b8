/* Where thumbnails and photos are: beside the page or on its server. */

/** Quote a path for an address; a lone surrogate stands for a byte that is no UTF-8. */
function quotePath(path) {
  const quote = (character) =>
    /^[\udc80-\udcff]$/.test(character)
      ? `%${(character.charCodeAt(0) - 0xdc00).toString(16)}`
      : encodeURIComponent(character);
  return path
    .split("/")
    .map((part) => [...part].map(quote).join(""))
    .join("/");
}

// What browsers show themselves, as `dupimg/files/large_view.py` has it, too.
const SHOWN = /\.(jpe?g|jpe|jfif|png|webp|gif|avif|bmp)$/i;

/** Return the address of a file where it was found: its path begins with the label of its folder. */
function inputAddress(urls, path) {
  for (const [label, url] of Object.entries(urls)) {
    if (!label) return `${url}/${quotePath(path)}`;
    if (path.startsWith(`${label}/`)) return `${url}/${quotePath(path.slice(label.length + 1))}`;
  }
  return `file://${quotePath(path)}`;
}

/** Return the addresses of thumbnails and photos, beside the page or on its server. */
function addresses(model) {
  const { about } = model;
  const beside = {
    thumb: ({ digest }) => `.dupimg/thumbs/${digest.slice(0, 2)}/${digest}.jpg`,
    photo: (row) =>
      about.state === "applied" && row.destination
        ? quotePath(row.destination)
        : row.earlier
          ? quotePath(row.earlier)
          : inputAddress(about.input_urls, row.path),
    // Of some photos that browsers cannot show there is a larger picture beside the thumbnails.
    large: ({ digest }) => `.dupimg/thumbs/large/${digest.slice(0, 2)}/${digest}.jpg`,
    shown: (row) => SHOWN.test(row.path),
    whole: () => null,
    pair: null,
  };
  const served = {
    thumb: ({ digest }) => `thumb/${digest}.jpg`,
    photo: ({ n }) => `photo/${n}`,
    shown: () => true,
    // What the server converts is as large as a screen, until somebody zooms in.
    whole: (row) => (SHOWN.test(row.path) ? null : `photo/${row.n}/whole`),
    pair: (first, second) => `pair/${first.n}/${second.n}`,
  };
  return about.review ? served : beside;
}

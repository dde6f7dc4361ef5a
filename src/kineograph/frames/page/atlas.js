// Frames in pages of a grid, decoded off the drawing path and kept up to a number of bytes.
"use strict";

/** The seed in the address (#seed=7), in the file, or a fresh one. */
function seedOf(clip) {
  const asked = /[#&]seed=(\d+)/.exec(location.hash);
  if (asked) return Number(asked[1]) >>> 0;
  if (clip.seed !== null) return clip.seed >>> 0;
  return crypto.getRandomValues(new Uint32Array(1))[0];
}

/** An atlas: want(frame) starts decoding, ready(frame) asks, draw(...) paints a frame. */
function openAtlas(clip, bytes) {
  const { columns, rows, width, height } = clip;
  const each = columns * rows;
  const pages = clip.pages.map((source) => ({ source, bitmap: null, busy: false, used: 0 }));
  const whole = pages.length * each * width * height * 4 <= bytes;
  let clock = 0;
  let held = 0;

  async function decode(page) {
    page.busy = true;
    const image = new Image();
    image.src = page.source;
    await image.decode();
    page.bitmap = await createImageBitmap(image);
    page.busy = false;
    held += page.bitmap.width * page.bitmap.height * 4;
    while (held > bytes) {
      const old = pages.filter((p) => p.bitmap && p.used < clock - 1).sort((a, b) => a.used - b.used)[0];
      if (!old) break;
      held -= old.bitmap.width * old.bitmap.height * 4;
      old.bitmap.close();
      old.bitmap = null;
    }
  }

  if (whole) pages.forEach(decode);
  return {
    want(frame) {
      const page = pages[Math.floor(frame / each)];
      page.used = clock += 1;
      if (!page.bitmap && !page.busy) decode(page);
    },
    ready(frame) {
      this.want(frame);
      return pages[Math.floor(frame / each)].bitmap !== null;
    },
    draw(context, frame, x, y, w, h) {
      const place = frame % each;
      const left = (place % columns) * width;
      const top = Math.floor(place / columns) * height;
      context.drawImage(pages[Math.floor(frame / each)].bitmap, left, top, width, height, x, y, w, h);
    },
  };
}

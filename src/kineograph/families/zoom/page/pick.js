// Shows a photo, lets one click the point a zoom goes to, and tells the option that says so. The
// square is the one photo.py takes: the largest about the point that the photo holds.
"use strict";
(async () => {
  const { photo, name, width, height, size } = JSON.parse(document.getElementById("photo").textContent);
  const canvas = document.getElementById("picture");
  const told = document.getElementById("told");
  const command = document.getElementById("command");
  const screen = canvas.getContext("2d");
  const image = new Image();
  image.src = photo;
  await image.decode();
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  canvas.style.aspectRatio = `${canvas.width} / ${canvas.height}`;

  let x = 0.5, y = 0.5;
  const inside = (share) => Math.min(Math.max(share, 0), 1);
  const half = () => Math.floor(Math.min(x * width, y * height, (1 - x) * width, (1 - y) * height));

  const draw = () => {
    const scale = canvas.width / width, h = half() * scale;
    const [cx, cy] = [x * canvas.width, y * canvas.height];
    const enough = 2 * half() >= size;
    screen.drawImage(image, 0, 0);
    screen.fillStyle = "rgba(0,0,0,0.45)";
    screen.beginPath();
    screen.rect(0, 0, canvas.width, canvas.height);
    screen.rect(cx - h, cy - h, 2 * h, 2 * h);
    screen.fill("evenodd");
    screen.strokeStyle = enough ? "#fff" : "#f44";
    screen.lineWidth = Math.max(1, canvas.width / 400);
    screen.strokeRect(cx - h, cy - h, 2 * h, 2 * h);
    screen.beginPath();
    screen.arc(cx, cy, canvas.width / 100, 0, 2 * Math.PI);
    screen.stroke();
    told.textContent = enough
      ? `${Math.round(x * width)}, ${Math.round(y * height)}: a square of ${2 * half()} pixels`
      : `only ${2 * half()} pixels lie around this point; ${size} are needed`;
    const quoted = `'${name.replaceAll("'", "'\\''")}'`;
    command.textContent = enough ? `--photo ${quoted} --target ${x.toFixed(4)},${y.toFixed(4)}` : "";
  };

  canvas.addEventListener("pointerdown", (event) => {
    const box = canvas.getBoundingClientRect();
    x = inside((event.clientX - box.left) / box.width);
    y = inside((event.clientY - box.top) / box.height);
    draw();
  });
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    if (!(event.key in ways)) return;
    const far = event.shiftKey ? 10 : 1, [right, down] = ways[event.key];
    x = inside(x + (right * far) / width);
    y = inside(y + (down * far) / height);
    draw();
    event.preventDefault();
  });
  document.getElementById("copy").addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(command.textContent); }
    catch { getSelection().selectAllChildren(command); }
  });
  draw();
  window.player = { get target() { return [x, y]; }, get half() { return half(); } };
})();

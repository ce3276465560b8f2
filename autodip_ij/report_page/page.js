"use strict";
const STEPS = 256;
const views = [...document.querySelectorAll(".view")];

const short = (value) => String(Number(value.toPrecision(4)));

function setUp(view) {
  const find = (name) => view.querySelector(name);
  const stage = find(".stage"), divider = find(".divider"), frame = find(".frame"), mark = find(".stage line");
  const low = Number(view.dataset.low), high = Number(view.dataset.high);
  const pixels = {};
  let zoom = 1, line = view.dataset.line.split(",").map(Number), drawing = false, moving = false;

  function place(percent) {
    const at = Math.min(100, Math.max(0, percent));
    stage.style.setProperty("--at", `${at}%`);
    divider.setAttribute("aria-valuenow", String(Math.round(at)));
  }
  const position = () => Number(divider.getAttribute("aria-valuenow"));

  function enlarge(factor) {
    zoom = Math.min(16, Math.max(1, zoom * factor));
    const middle = [(frame.scrollLeft + frame.clientWidth / 2) / frame.scrollWidth, (frame.scrollTop + frame.clientHeight / 2) / frame.scrollHeight];
    stage.style.width = `${100 * zoom}%`;
    frame.scrollTo(middle[0] * frame.scrollWidth - frame.clientWidth / 2, middle[1] * frame.scrollHeight - frame.clientHeight / 2);
    find(".zoom").textContent = `${Math.round(100 * zoom)} %`;
  }

  function showResidual(button) {
    const on = stage.classList.toggle("residual");
    button.setAttribute("aria-pressed", String(on));
  }

  async function read(name) {
    const image = find(name);
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const pen = canvas.getContext("2d");
    pen.drawImage(image, 0, 0);
    return pen.getImageData(0, 0, canvas.width, canvas.height);
  }

  function along(image) {
    const [x0, y0, x1, y1] = line;
    const length = Math.max(1, Math.round(Math.hypot(x1 - x0, y1 - y0)));
    return Array.from({ length: length + 1 }, (_, step) => {
      const x = Math.round(x0 + (x1 - x0) * step / length), y = Math.round(y0 + (y1 - y0) * step / length);
      return low + (high - low) * image.data[4 * (y * image.width + x)] / (STEPS - 1);
    });
  }

  function drawProfile() {
    ["x1", "y1", "x2", "y2"].forEach((name, index) => mark.setAttribute(name, String(line[index] + 0.5)));
    const curves = { before: along(pixels.before), after: along(pixels.after) };
    const all = [...curves.before, ...curves.after];
    const least = Math.min(...all), most = Math.max(...all), field = find(".profile .field");
    const width = field.width.baseVal.value, height = field.height.baseVal.value;
    for (const [name, values] of Object.entries(curves)) {
      const points = values.map((value, step) => `${(width * step / (values.length - 1)).toFixed(1)},${(height * (1 - (value - least) / (most - least || 1))).toFixed(1)}`);
      find(`.profile polyline.${name}`).setAttribute("points", points.join(" "));
    }
    find(".profile .min").textContent = short(least);
    find(".profile .max").textContent = short(most);
    find(".profile .length").textContent = String(curves.before.length - 1);
  }

  function pixelAt(event) {
    const box = stage.getBoundingClientRect(), size = pixels.before;
    const inside = (value, length) => Math.min(length - 1, Math.max(0, Math.floor(value * length)));
    return [inside((event.clientX - box.left) / box.width, size.width), inside((event.clientY - box.top) / box.height, size.height)];
  }

  divider.addEventListener("pointerdown", (event) => {
    moving = true;
    divider.setPointerCapture(event.pointerId);
    event.stopPropagation();
  });
  divider.addEventListener("pointermove", (event) => {
    if (!moving) return;
    const box = stage.getBoundingClientRect();
    place(100 * (event.clientX - box.left) / box.width);
  });
  for (const end of ["pointerup", "pointercancel"]) divider.addEventListener(end, () => { moving = false; });

  stage.addEventListener("pointerdown", (event) => {
    if (!pixels.before || event.target.closest(".divider")) return;
    const [x, y] = pixelAt(event);
    if (event.pointerType === "touch") {  // a finger scrolls: a tap takes the row
      line = [0, y, pixels.before.width - 1, y];
    } else {
      drawing = true;
      stage.setPointerCapture(event.pointerId);
      line = [x, y, x, y];
    }
    drawProfile();
  });
  stage.addEventListener("pointermove", (event) => {
    if (!drawing) return;
    line = [line[0], line[1], ...pixelAt(event)];
    drawProfile();
  });
  for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => { drawing = false; });

  view.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 10 : 1;
    const moves = { ArrowLeft: position() - step, ArrowDown: position() - step, ArrowRight: position() + step, ArrowUp: position() + step, Home: 0, End: 100 };
    if (event.target === divider && event.key in moves) place(moves[event.key]);
    else if (event.key === "+" || event.key === "=") enlarge(1.5);
    else if (event.key === "-") enlarge(1 / 1.5);
    else return;
    event.preventDefault();
  });
  view.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    ({ residual: () => showResidual(button), in: () => enlarge(1.5), out: () => enlarge(1 / 1.5) })[button.dataset.do]();
  });

  let ready = false;
  return async () => {
    if (ready) return;
    ready = true;
    [pixels.before, pixels.after] = await Promise.all([read(".below"), read(".top")]);
    drawProfile();
  };
}

const starts = views.map(setUp);
if (starts.length) starts[0]();
document.getElementById("choice")?.addEventListener("change", (event) => {
  const chosen = Number(event.target.value);
  views.forEach((view, index) => { view.hidden = index !== chosen; });
  starts[chosen]();
});

const data = JSON.parse(document.getElementById("data").textContent);
const stage = document.getElementById("stage");
const panes = ["left", "right"].map((id) => document.getElementById(id));
const viewers = panes.map((pane) => pane.querySelector("model-viewer"));
const badges = panes.map((pane) => pane.querySelector(".badge"));
const status = document.getElementById("status");
const wipe = document.getElementById("wipe");
const swap = document.getElementById("swap");
const auto = document.getElementById("auto");
const HOME = { cameraOrbit: "0deg 75deg 88%", cameraTarget: "auto auto auto", fieldOfView: "auto" };

const blobUrl = (base64, type) => {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type }));
};

// Textures are decoded once for each viewer and layer, when first wanted.
const made = new Map();
const urls = data.layers.map((layer) =>
  layer.textures.map((texture) => texture && blobUrl(texture.data, texture.type)));

function texturesOf(viewer, index) {
  const key = `${viewers.indexOf(viewer)}/${index}`;
  if (!made.has(key)) {
    made.set(key, Promise.all(urls[index].map((url) => url && viewer.createTexture(url))));
  }
  return made.get(key);
}

async function paint(side, index) {
  const viewer = viewers[side];
  const textures = await texturesOf(viewer, index);
  textures.forEach((texture, material) => {
    if (texture) viewer.model.materials[material].pbrMetallicRoughness.baseColorTexture.setTexture(texture);
  });
  badges[side].textContent = data.layers[index].label;
}

function showKey(index) {
  const key = document.getElementById("key");
  key.replaceChildren(...data.layers[index].key.map(({ label, color }) => {
    const item = document.createElement("li");
    const swatch = document.createElement("i");
    swatch.style.background = color;
    item.append(swatch, label);
    return item;
  }));
  key.hidden = data.layers[index].key.length === 0;
}

function choose(name, value) {
  const input = document.querySelector(`input[name="${name}"][value="${value}"]`);
  if (input && !input.checked) {
    input.checked = true;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

// The viewer that a person touched last leads; the other one follows it frame by frame.
let leading = viewers[1];
function follow() {
  if (!viewers.every((viewer) => viewer.loaded)) return;
  const other = viewers[1 - viewers.indexOf(leading)];
  other.cameraTarget = leading.getCameraTarget().toString();
  other.cameraOrbit = leading.getCameraOrbit().toString();
  other.fieldOfView = `${leading.getFieldOfView()}deg`;
  other.jumpCameraToGoal();
}
for (const viewer of viewers) {
  for (const type of ["pointerdown", "wheel", "keydown", "touchstart", "focusin"]) {
    viewer.addEventListener(type, () => { leading = viewer; }, { capture: true, passive: true });
  }
  viewer.addEventListener("camera-change", () => { if (viewer === leading) follow(); });
}

// A change of size changes the field of view of the viewer that is still framed by itself.
new ResizeObserver(() => setTimeout(follow, 60)).observe(viewers[0]);

function reset() {
  for (const viewer of viewers) {
    Object.assign(viewer, HOME);
    viewer.jumpCameraToGoal();
  }
}

let timer = 0;
function swapShown() {
  stage.dataset.shown = stage.dataset.shown === "left" ? "right" : "left";
}
function setMode(mode) {
  stage.dataset.mode = mode;
  stage.dataset.shown = "right";
  swap.hidden = mode !== "flicker";
  document.getElementById("auto-label").hidden = mode !== "flicker";
  setAuto(false);
}
function setAuto(on) {
  auto.checked = on;
  clearInterval(timer);
  if (on) timer = setInterval(swapShown, 900);
}

function buildLayers() {
  const box = document.getElementById("layers");
  box.hidden = data.layers.length < 3;
  data.layers.slice(1).forEach((layer, offset) => {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"),
      { type: "radio", name: "layer", value: String(offset + 1), checked: offset === 0 });
    const text = document.createElement("span");
    text.textContent = layer.label;
    label.append(input, text);
    box.append(label);
  });
  box.addEventListener("change", async (event) => {
    const index = Number(event.target.value);
    await paint(1, index);
    showKey(index);
  });
}

function buildGallery() {
  const gallery = document.getElementById("gallery");
  for (const crop of data.crops) {
    const figure = document.createElement("figure");
    const image = Object.assign(document.createElement("img"), {
      src: blobUrl(crop.data, crop.type), alt: crop.alt, loading: "lazy", width: crop.width, height: crop.height,
    });
    const caption = document.createElement("figcaption");
    caption.textContent = crop.caption;
    figure.append(image, caption);
    gallery.append(figure);
  }
  document.getElementById("crops").hidden = data.crops.length === 0;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const modes = { 1: "wipe", 2: "side", 3: "flicker" };
  if (modes[event.key]) choose("mode", modes[event.key]);
  else if (event.key === "0") reset();
  else if (event.key === "l" || event.key === "L") {
    const now = Number(document.querySelector('input[name="layer"]:checked').value);
    choose("layer", String(now + 1 < data.layers.length ? now + 1 : 1));
  } else if (event.key === " " && !["BUTTON", "INPUT"].includes(event.target.tagName)) {
    if (stage.dataset.mode !== "flicker") choose("mode", "flicker");
    swapShown();
    event.preventDefault();
  }
}

function loaded(viewer) {
  return new Promise((resolve, reject) => {
    viewer.addEventListener("load", resolve, { once: true });
    viewer.addEventListener("error", (event) => reject(event.detail), { once: true });
  });
}

async function start() {
  buildLayers();
  buildGallery();
  wipe.addEventListener("input", () => stage.style.setProperty("--wipe", `${wipe.value}%`));
  document.getElementById("modes").addEventListener("change", (event) => setMode(event.target.value));
  document.getElementById("reset").addEventListener("click", reset);
  swap.addEventListener("click", swapShown);
  auto.addEventListener("change", () => setAuto(auto.checked));
  document.addEventListener("keydown", onKey);
  const model = blobUrl(data.model, "model/gltf-binary");
  const waiting = viewers.map(loaded);
  for (const viewer of viewers) Object.assign(viewer, HOME, { src: model });
  await Promise.all(waiting);
  await Promise.all([paint(0, 0), paint(1, 1)]);
  status.textContent = "";
  document.documentElement.dataset.ready = "true";
}

start().catch((error) => {
  const why = error?.sourceError?.message ?? error?.message ?? error?.type ?? "unknown reason";
  status.textContent = `The mesh cannot be drawn here (${why}). The pictures below need no WebGL.`;
  document.documentElement.dataset.ready = "failed";
});

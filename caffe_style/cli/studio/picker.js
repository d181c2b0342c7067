// Choosing the photograph and the paintings: from thumbnails, files, or by drag and drop.

import { attempt, tell } from "./notice.js";
import { address, find, hasFile, pictures, refresh, title, upload } from "./pictures.js";
import { element, make } from "./run.js";

const PLACES = ["uploads", "folder", "examples"];

export let photograph = null;
export const paintings = new Map(); // weights by id

export function choose(content, styles) {
  photograph = content;
  paintings.clear();
  for (const style of styles) if (style.id) paintings.set(style.id, style.weight);
  show();
}

// Shows the thumbnails, with the chosen ones marked.
export function show() {
  const offered = pictures
    .filter((picture) => hasFile(picture) && (!picture.made || chosen(picture.id)))
    .sort((a, b) => PLACES.indexOf(a.place) - PLACES.indexOf(b.place));
  fill(element("photographs"), offered, "radio", (id) => id === photograph);
  fill(element("paintings"), offered, "checkbox", (id) => paintings.has(id));
  showWeights();
}

const chosen = (id) => id === photograph || paintings.has(id);

function fill(strip, offered, type, isChosen) {
  const before = new Map([...strip.children].map((label) => [label.dataset.id, label]));
  const ids = offered.map((picture) => picture.id);
  if (ids.join() !== [...before.keys()].join()) {
    const focused = document.activeElement;
    strip.replaceChildren(
      ...offered.map((picture) => before.get(picture.id) || thumbnail(strip, picture, type)),
    );
    if (strip.contains(focused)) focused.focus();
  }
  for (const label of strip.children) {
    label.querySelector("input").checked = isChosen(label.dataset.id);
  }
}

function thumbnail(strip, picture, type) {
  const label = document.createElement("label");
  label.className = "thumbnail";
  label.dataset.id = picture.id;
  label.title = title(picture);
  const input = document.createElement("input");
  input.type = type;
  input.name = strip.id;
  input.addEventListener("change", () => {
    if (type === "radio") photograph = picture.id;
    else if (input.checked) paintings.set(picture.id, 1);
    else paintings.delete(picture.id);
    showWeights();
  });
  const image = new Image();
  image.alt = title(picture);
  image.loading = "lazy";
  image.src = address(picture, "small");
  label.append(input, image);
  return label;
}

// One weight for each painting, if there are several.
function showWeights() {
  const rows = [...paintings].map(([id, weight]) => {
    const label = make("label", `Weight of ${find(id) ? title(find(id)) : "a missing picture"}`);
    const input = document.createElement("input");
    Object.assign(input, { type: "number", min: 0.01, max: 100, step: "any", value: weight });
    input.addEventListener("change", () => paintings.set(id, Number(input.value)));
    label.append(input);
    return label;
  });
  element("weights").replaceChildren(...rows);
  element("weights").hidden = rows.length < 2;
}

// Uploads files: the first is the photograph if that is wanted, all others are paintings.
async function add(files, firstIsPhotograph) {
  tell("");
  for (const [index, file] of [...files].entries()) {
    const id = await attempt(() => upload(file));
    if (id === null) continue;
    if (firstIsPhotograph && index === 0) photograph = id;
    else paintings.set(id, 1);
  }
  await attempt(refresh);
  show();
}

function addFrom(input, firstIsPhotograph) {
  input.addEventListener("change", async () => {
    await add(input.files, firstIsPhotograph);
    input.value = "";
  });
}

addFrom(element("add-photograph"), true);
addFrom(element("add-painting"), false);

addEventListener("dragover", (event) => {
  event.preventDefault();
  const over = event.target.closest?.(".drop");
  for (const drop of document.querySelectorAll(".drop")) drop.classList.toggle("over", drop === over);
});
addEventListener("drop", (event) => {
  event.preventDefault();
  for (const drop of document.querySelectorAll(".drop")) drop.classList.remove("over");
  const place = event.target.closest?.(".drop");
  // Files that are dropped elsewhere go where something is missing.
  const first = place ? place.id === "photograph" : photograph === null;
  if (event.dataTransfer.files.length) add(event.dataTransfer.files, first);
});

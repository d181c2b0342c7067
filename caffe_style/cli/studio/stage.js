// What the page shows large: a run, or a finished picture with its photograph.

import { fillIn } from "./form.js";
import { choose } from "./picker.js";
import { address, find, hasFile, title } from "./pictures.js";
import { tell } from "./notice.js";
import { element, make, turnTo } from "./run.js";

let shown = null; // the id of a picture, or the number of a job

export const isShown = (what) => shown === what;

function show(what, view) {
  shown = what;
  for (const id of ["welcome", "run-view", "picture-view"]) element(id).hidden = id !== view;
}

export function showRun(number) {
  if (shown === number) return;
  show(number, "run-view");
  turnTo(`jobs/${number}/`);
}

export function showPicture(id) {
  const picture = find(id);
  if (!picture || !hasFile(picture)) return;
  show(id, "picture-view");
  const made = picture.made || { parameters: {} };
  element("after").src = address(picture, "large");
  element("after").alt = title(picture);
  const content = made.content && find(made.content);
  element("before").hidden = element("divide").hidden = !content;
  element("no-before").hidden = Boolean(content);
  element("no-before").textContent = made.content
    ? ""
    : "Its photograph is not in this folder, so the two cannot be compared.";
  if (content) element("before").src = address(content, "large");
  element("divide").value = 0;
  divide();
  element("name").textContent = title(picture);
  element("ended").textContent = made.ended || "";
  element("resume").hidden = !picture.unfinished;
  element("again").hidden = !made.again;
  for (const kind of ["png", "jpg"]) element(kind).href = address(picture, kind);
  const rows = Object.entries(made.parameters).flatMap(([name, text]) => [make("dt", name), make("dd", text)]);
  element("made").replaceChildren(...rows);
}

// Shows the stage, which may be far away on a small page.
export function lookAtStage() {
  element("stage").focus({ preventScroll: true });
  element("stage").scrollIntoView({ block: "start" });
}

function divide() {
  const part = element("divide").value;
  element("before").style.clipPath = `inset(0 ${100 - part}% 0 0)`;
  element("compare").style.setProperty("--part", `${part}%`);
}

function again() {
  const picture = find(shown);
  const form = picture.made.again;
  const missing = fillIn(form);
  choose(form.content, form.styles);
  const told = [`The form is filled in as for ${title(picture)}. Change what you like.`];
  if (!form.content || form.styles.some((style) => !style.id)) {
    told.push("Some of its pictures are not in this folder: choose others.");
  }
  if (missing.length) told.push(`This machine does not offer its ${missing.join(", ")}.`);
  if (form.left_out.length) told.push(`The form does not have its ${form.left_out.join(", ")}.`);
  tell(told.join(" "));
  element("painting").scrollIntoView({ block: "start" });
  document.querySelector("#paintings input:checked, #paintings input")?.focus({ preventScroll: true });
}

element("divide").addEventListener("input", divide);
element("after").addEventListener("load", () => {
  const { naturalWidth, naturalHeight } = element("after");
  element("compare").style.setProperty("--ratio", naturalWidth / naturalHeight);
});
element("again").addEventListener("click", again);

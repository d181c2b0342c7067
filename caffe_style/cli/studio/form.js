// The rest of the form: look, sliders, network and settings. The settings' fields hold the values. The sliders
// are another way to change three of them.

import { paintings, photograph } from "./picker.js";
import { element, make } from "./run.js";

const COLOURS = ["style", "match", "content"];
const COLOURS_TEXT = ["no", "somewhat: the painting first gets them", "yes"];

let offered = null;
const fields = new Map();

export function build(form) {
  offered = form;
  element("looks").replaceChildren(...form.looks.map(lookTile));
  element("model").replaceChildren(...form.models.map((model) => new Option(model.name)));
  element("model").value = form.model;
  element("settings").replaceChildren(...form.groups.map(group));
  chooseLook(form.looks[0].name);
}

export function offerBackends(backends) {
  const options = Object.entries(backends).map(([name, text]) => new Option(text, name));
  const before = element("backend").value;
  element("backend").replaceChildren(...options);
  element("backend").value = before in backends ? before : "cpu";
}

// What the server gets.
export function filledIn() {
  const settings = {};
  for (const [name, field] of fields) if (field.value.trim()) settings[name] = field.value.trim();
  return {
    content: photograph,
    styles: [...paintings].map(([id, weight]) => ({ id, weight })),
    look: look().name,
    model: element("model").value,
    backend: element("backend").value,
    settings,
  };
}

// Fills the form in as it was for another picture. Returns the choices that are not offered here.
export function fillIn(again) {
  const missing = [["model", offered.model], ["backend", "cpu"]].filter(([name, usual]) => {
    element(name).value = again[name];
    const found = element(name).value === again[name];
    if (!found) element(name).value = usual;
    return !found;
  });
  for (const [name, field] of fields) field.value = again.settings[name] ?? "";
  chooseLook(again.look);
  moveSliders();
  return missing.map(([name]) => again[name]);
}

const look = () => {
  const name = document.querySelector("#looks input:checked").value;
  return offered.looks.find((each) => each.name === name);
};
const model = () => offered.models.find((each) => each.name === element("model").value);
// The value of a setting that is left empty.
const usual = (name) => look().settings[name] ?? model().settings[name] ?? fields.get(name).dataset.usual;

function lookTile(one) {
  const label = document.createElement("label");
  label.className = "look";
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name: "look", value: one.name });
  input.addEventListener("change", showLook);
  const image = new Image();
  image.alt = "";
  // A new style loss has none yet.
  image.addEventListener("error", () => image.remove());
  image.src = `looks/${one.name}.jpg`;
  label.append(input, image, make("span", one.title));
  return label;
}

function chooseLook(name) {
  for (const input of document.querySelectorAll("#looks input")) input.checked = input.value === name;
  if (!document.querySelector("#looks input:checked")) return chooseLook(offered.looks[0].name);
  showLook();
}

function showLook() {
  element("look-text").textContent = `${look().title}: ${look().text}`;
  for (const [name, field] of fields) {
    if (field.tagName === "SELECT") field.options[0].text = usual(name) ? `usual (${usual(name)})` : "usual";
    else field.placeholder = usual(name);
  }
  // The strength is relative to the usual weight.
  if (Number(element("strength").value)) strengthChanged();
  showSliders();
}

function group(one) {
  const made = document.createElement("fieldset");
  made.append(make("legend", one.title), ...one.fields.map(row));
  return made;
}

function row(setting) {
  const made = document.createElement("div");
  made.className = "field";
  const label = make("label", setting.label);
  const field = document.createElement(setting.choices ? "select" : "input");
  if (setting.choices) field.append(new Option("usual", ""), ...setting.choices.map((one) => new Option(one)));
  else if (setting.whole !== undefined) Object.assign(field, { type: "number", step: setting.whole ? 1 : "any" });
  else field.type = "text";
  field.id = label.htmlFor = `setting-${setting.name}`;
  field.dataset.usual = setting.default;
  const help = make("small", setting.help);
  help.id = `help-${setting.name}`;
  field.setAttribute("aria-describedby", help.id);
  field.addEventListener("input", moveSliders);
  fields.set(setting.name, field);
  made.append(label, field, help);
  return made;
}

const short = (value) => String(Number(value.toPrecision(4)));

function strengthChanged() {
  const power = Number(element("strength").value);
  fields.get("style_weight").value = power ? short(usual("style_weight") * 2 ** power) : "";
  showSliders();
}

function strokesChanged() {
  const power = Number(element("strokes").value);
  fields.get("style_scale").value = power ? short(usual("style_scale") * 2 ** power) : "";
  showSliders();
}

function coloursChanged() {
  const chosen = Number(element("colours").value);
  fields.get("colors").value = chosen ? COLOURS[chosen] : "";
  showSliders();
}

// Moves the sliders to the values of the fields.
function moveSliders() {
  const power = (name) => {
    const value = Number(fields.get(name).value);
    return value > 0 ? Math.log2(value / usual(name)) : 0;
  };
  element("strength").value = power("style_weight");
  element("strokes").value = power("style_scale");
  element("colours").value = Math.max(0, COLOURS.indexOf(fields.get("colors").value));
  showSliders();
}

function showSliders() {
  const times = (name) => {
    const value = Number(fields.get(name).value);
    return value ? `${Number((value / usual(name)).toPrecision(2))} times the usual` : "usual";
  };
  element("strength-text").textContent = times("style_weight");
  element("strokes-text").textContent = times("style_scale");
  element("colours-text").textContent = COLOURS_TEXT[Number(element("colours").value)];
}

element("strength").addEventListener("input", strengthChanged);
element("strokes").addEventListener("input", strokesChanged);
element("colours").addEventListener("input", coloursChanged);
element("model").addEventListener("change", showLook);

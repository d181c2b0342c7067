// The studio: it sends the form, follows the jobs, and shows the gallery.

import { build, filledIn, offerBackends } from "./form.js";
import * as picker from "./picker.js";
import { address, find, hasFile, limit, pictures, refresh, title } from "./pictures.js";
import { attempt, tell } from "./notice.js";
import { element, follow, get, make, send, sleep } from "./run.js";
import { isShown, lookAtStage, showPicture, showRun } from "./stage.js";

const INTERVAL = 1000; // milliseconds between questions
const TITLES = {
  waiting: "waits for its turn.",
  starting: "is being made.",
  stopped: "was stopped.",
  failed: "failed:",
};

let version = null;
let jobs = [];

async function add(asked) {
  const added = await attempt(() => send("jobs", JSON.stringify(asked)));
  if (!added) return;
  tell("");
  await attempt(update);
  const running = jobs.find((job) => job.status === "starting");
  showRun(running ? running.number : added.number);
  lookAtStage();
}

const resume = (id) => add({ unfinished: id });

async function update() {
  const state = await get("state");
  const before = new Map(jobs.map((job) => [job.number, job.status]));
  jobs = state.jobs;
  if (state.version !== version) {
    await refresh();
    version = state.version;
    picker.show();
    showGallery();
  }
  showJobs();
  // A page that looks on sees the next run begin, and the finished picture.
  for (const job of jobs) {
    const was = before.get(job.number);
    if (was === job.status) continue;
    if (["finished", "stopped"].includes(job.status) && isShown(job.number)) showPicture(job.picture);
    const looksOn = jobs.some((each) => isShown(each.number) && each.status !== "starting");
    if (job.status === "starting" && (looksOn || isShown(null))) showRun(job.number);
  }
}

function button(text, action) {
  const made = make("button", text);
  made.type = "button";
  made.addEventListener("click", action);
  return made;
}

function showJobs() {
  // Finished pictures are in the gallery.
  const rows = jobs.filter((job) => job.status !== "finished").map((job) => {
    const row = document.createElement("li");
    row.dataset.status = job.status;
    const text = make("p", `${job.name} ${TITLES[job.status]} ${job.message}`);
    const actions = make("p", "");
    actions.className = "actions";
    const picture = find(job.picture);
    if (job.status === "starting") actions.append(button("Show", () => (showRun(job.number), lookAtStage())));
    if (job.status === "waiting") {
      actions.append(button("Remove", () => attempt(() => send(`jobs/${job.number}/stop`).then(update))));
    }
    if (picture && ["stopped", "failed"].includes(job.status)) {
      if (hasFile(picture)) actions.append(button("Open", () => (showPicture(picture.id), lookAtStage())));
      if (picture.unfinished) actions.append(button("Continue", () => resume(picture.id)));
    }
    row.append(text, actions);
    return row;
  });
  const list = element("jobs");
  element("job-list").hidden = !rows.length;
  // Unchanged rows stay, so that they keep the focus.
  rows.forEach((row, index) => {
    const old = list.children[index];
    if (!old) list.append(row);
    else if (old.textContent !== row.textContent) old.replaceWith(row);
  });
  while (list.children.length > rows.length) list.lastChild.remove();
}

function showGallery() {
  const shown = pictures.filter((picture) => picture.made || picture.unfinished);
  element("no-gallery").hidden = shown.length > 0;
  element("gallery").replaceChildren(...shown.map(tile));
}

function tile(picture) {
  const item = document.createElement("li");
  if (!hasFile(picture)) {
    item.append(make("p", `${title(picture)} has no picture yet.`), button("Continue", () => resume(picture.id)));
    return item;
  }
  const open = button("", () => (showPicture(picture.id), lookAtStage()));
  open.className = "tile";
  const image = new Image();
  image.alt = "";
  image.loading = "lazy";
  image.src = address(picture, "small");
  open.append(image, make("span", title(picture) + (picture.unfinished ? ", unfinished" : "")));
  item.append(open);
  return item;
}

async function start() {
  await attempt(async () => {
    const form = await get("form");
    element("folder").textContent = form.folder.split(/[\\/]/).pop() || form.folder;
    element("folder").title = form.folder;
    limit(form.largest_upload);
    build(form);
    await update();
  });
  follow();
  get("backends").then(offerBackends, () => {});
  for (;;) {
    await sleep(INTERVAL);
    await attempt(update);
  }
}

element("form").addEventListener("submit", (event) => {
  event.preventDefault();
  add(filledIn());
});
element("resume").addEventListener("click", () => resume(pictures.find((each) => isShown(each.id)).id));
start();

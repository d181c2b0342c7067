// The view of a run. Its state comes from the addresses `state`, `picture`, `pause`, `continue` and `stop` below
// a base: that of the page itself, or one for each run of a page that shows several.

const INTERVAL = 700; // milliseconds between questions
const MOST_POINTS = 600; // of a curve that are drawn
const DECADES = 6; // below the greatest loss that the chart shows
const TITLES = {
  waiting: "Waiting for its turn",
  starting: "Starting",
  running: "Running",
  pausing: "Pausing after this iteration",
  paused: "Paused",
  stopping: "Stopping after this iteration",
  finished: "Finished",
  converged: "Converged",
  stuck: "Nothing lower found",
  stopped: "Stopped",
  interrupted: "Interrupted",
  diverged: "Diverged",
  failed: "Failed",
};
export const ALIVE = ["waiting", "starting", "running", "pausing", "paused", "stopping"];

export const element = (id) => document.getElementById(id);
const token = document.querySelector("meta[name=token]").content;
export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

let base = null; // no run yet
let run = null;
let status = "starting";
let rows = [];
let names = [];
let version = 0;

function duration(seconds) {
  if (seconds === null) return "–";
  const whole = Math.round(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

export function inWords(value) {
  if (value === null) return "–";
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return value.map(inWords).join(", ");
  return Object.entries(value).map(([name, part]) => `${name}: ${inWords(part)}`).join(", ");
}

const short = (value) => (value === null || value === undefined ? "–" : value.toPrecision(4));
const color = (index) => `hsl(${Math.round((index * 360) / names.length)} 65% 52%)`;

function show(state) {
  status = state.status;
  names = state.names;
  // Two answers may be on their way at once: each says where its rows belong.
  rows.splice(state.after, Infinity, ...state.rows);
  element("status").textContent = TITLES[status] || status;
  element("message").textContent = state.message;
  element("message").hidden = !state.message;
  element("progress").value = state.iteration;
  element("progress").max = state.iterations || 1;
  element("iteration").textContent = state.iterations
    ? `${state.iteration} of ${state.iterations}`
    : state.iteration;
  element("worked").textContent = duration(state.worked);
  element("left").textContent = duration(state.left);
  element("loss").textContent = rows.length ? short(rows[rows.length - 1][1]) : "–";
  document.title = state.iterations
    ? `${state.iteration} of ${state.iterations} – caffe_style`
    : "caffe_style";
  // Without a picture or a loss there are no empty frames.
  element("growing").hidden = element("picture").hidden && !ALIVE.includes(status);
  element("loss-by-term").hidden = !rows.length;
  showButtons();
  showParameters(state.parameters);
  if (state.rows.length) {
    drawChart();
    showLegend();
  }
}

function showButtons() {
  const halted = status === "paused" || status === "pausing";
  element("pause").textContent = halted ? "Continue" : "Pause";
  element("pause").disabled = !["starting", "running", "paused", "pausing"].includes(status);
  element("stop").disabled = element("pause").disabled;
}

function showParameters(parameters) {
  const list = element("parameters");
  if (list.children.length === 2 * Object.keys(parameters).length) return;
  list.replaceChildren();
  for (const [name, value] of Object.entries(parameters)) {
    list.append(make("dt", name.replaceAll("_", " ")), make("dd", inWords(value)));
  }
}

export function make(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function showLegend() {
  const last = rows[rows.length - 1];
  const entries = ["total", ...names].map((name, index) => {
    const item = document.createElement("li");
    const stroke = document.createElement("i");
    if (index) stroke.style.background = color(index - 1);
    item.append(stroke, make("span", name), make("b", short(last[index + 1])));
    return item;
  });
  element("legend").replaceChildren(...entries);
}

function drawChart() {
  const chart = element("chart");
  const width = chart.clientWidth;
  const height = chart.clientHeight;
  const box = { left: 48, right: width - 8, top: 8, bottom: height - 22 };
  const values = rows.flatMap((row) => row.slice(1)).filter((value) => value > 0);
  if (!width || !values.length) return;
  const greatest = values.reduce((a, b) => Math.max(a, b));
  const floor = greatest / 10 ** DECADES;
  const low = Math.log10(Math.max(floor, values.reduce((a, b) => Math.min(a, b))));
  const high = Math.max(Math.log10(greatest), low + 0.1);
  const first = Math.min(1, rows[0][0]);
  const last = Math.max(rows[rows.length - 1][0], first + 1);
  const x = (iteration) =>
    box.left + ((iteration - first) / (last - first)) * (box.right - box.left);
  const y = (value) =>
    box.bottom - ((Math.log10(value) - low) / (high - low)) * (box.bottom - box.top);

  chart.replaceChildren();
  for (const value of ticks(low, high)) {
    draw("line", { x1: box.left, x2: box.right, y1: y(value), y2: y(value) });
    draw("text", { x: box.left - 6, y: y(value) + 4, "text-anchor": "end" }, label(value));
  }
  draw("text", { x: box.left, y: height - 4 }, first);
  draw("text", { x: box.right, y: height - 4, "text-anchor": "end" }, last);

  const step = Math.ceil(rows.length / MOST_POINTS);
  const kept = rows.filter((row, index) => index % step === 0 || index === rows.length - 1);
  for (let column = names.length + 1; column >= 1; column--) {
    const points = kept
      .filter((row) => row[column] >= floor)
      .map((row) => `${x(row[0]).toFixed(1)},${y(row[column]).toFixed(1)}`)
      .join(" ");
    draw("polyline", column === 1 ? { points, class: "total" } : { points, stroke: color(column - 2) });
  }
}

function ticks(low, high) {
  const steps = high - low < 1.5 ? [1, 2, 5] : [1];
  const every = Math.ceil((high - low) / 6);
  const found = [];
  for (let power = Math.floor(low); power <= high; power++) {
    if (power % every) continue;
    for (const step of steps) {
      const tick = Math.log10(step) + power;
      if (tick >= low && tick <= high) found.push(step * 10 ** power);
    }
  }
  return found;
}

const label = (value) =>
  value >= 0.01 && value < 10000 ? String(+value.toPrecision(1)) : value.toExponential(0);

function draw(tag, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  element("chart").append(made);
}

async function showPicture(wanted) {
  const next = new Image();
  next.id = "picture";
  next.alt = element("picture").alt;
  const from = base;
  next.src = `${from}picture?version=${wanted}`;
  await next.decode();
  if (from !== base) return;
  element("picture").replaceWith(next);
  element("waiting").hidden = true;
  version = wanted;
}

// Asks the server. Its answer is JSON, or an error that is a sentence.
export async function get(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    throw new Error("No answer: the program has ended. Start it again, and reload the page.");
  }
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

export const send = (path, body, headers = {}) =>
  get(path, { method: "POST", headers: { "X-Token": token, ...headers }, body });

async function ask(wish) {
  await send(base + wish);
  await update();
}

async function update() {
  const from = base;
  if (from === null) return;
  const state = await get(`${from}state?after=${rows.length}`);
  if (from !== base) return;
  // Another run has taken this one's port.
  if (run !== null && state.run !== run) return location.reload();
  run = state.run;
  show(state);
  if (state.version !== version) await showPicture(state.version);
}

function lost() {
  if (!ALIVE.includes(status)) return;
  element("status").textContent = "No answer: the run has ended";
  element("pause").disabled = element("stop").disabled = true;
}

// Shows another run from now on.
export function turnTo(address) {
  base = address;
  run = null;
  status = "starting";
  rows = [];
  version = 0;
  element("picture").hidden = true;
  element("waiting").hidden = false;
  element("chart").replaceChildren();
  element("legend").replaceChildren();
  element("parameters").replaceChildren();
  return update().catch(lost);
}

// Shows the run until the page is closed.
export async function follow() {
  for (;;) {
    const alive = ALIVE.includes(status);
    try {
      await update();
    } catch (error) {
      lost();
    }
    // Asking at once when the run has just ended lets it end its process.
    await sleep(alive && !ALIVE.includes(status) ? 0 : INTERVAL);
  }
}

element("pause").addEventListener("click", () => {
  const wish = element("pause").textContent === "Continue" ? "continue" : "pause";
  ask(wish).catch(lost);
});
element("stop").addEventListener("click", () => {
  if (confirm("Stop after this iteration and save the picture?")) ask("stop").catch(lost);
});
addEventListener("resize", () => rows.length && drawChart());

// The pictures that the server knows, and uploading more.

import { get, send } from "./run.js";

// Names of the files that this page has sent; the server keeps them under names of its own.
const sent = new Map();
let largest = Infinity;
export let pictures = [];

export const find = (id) => pictures.find((picture) => picture.id === id);

// An unfinished picture may have no file yet.
export const hasFile = (picture) => picture.changed !== undefined;

export const address = (picture, kind) => `pictures/${picture.id}/${kind}?${picture.changed}`;

export function title(picture) {
  if (picture.place === "uploads") return sent.get(picture.id) || "Uploaded picture";
  return picture.place === "examples" ? picture.name.split(/[\\/]/).pop() : picture.name;
}

export function limit(bytes) {
  largest = bytes;
}

export async function refresh() {
  pictures = await get("pictures");
}

// Sends a file, and returns the id of the picture.
export async function upload(file) {
  if (file.size > largest) {
    throw new Error(`${file.name} has more than ${largest / 1e6} MB: make it smaller first`);
  }
  const kept = await send("uploads", file, { "X-Name": encodeURIComponent(file.name) });
  sent.set(kept.id, file.name);
  return kept.id;
}

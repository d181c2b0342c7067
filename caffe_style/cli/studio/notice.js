// The sentence at the bottom of the page: what went wrong, or what was done.

import { element } from "./run.js";

export function tell(sentence) {
  element("notice-text").textContent = sentence;
  element("notice").hidden = !sentence;
}

// Runs a function that may fail, and tells why it failed.
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    tell(error.message);
    return null;
  }
}

element("notice-close").addEventListener("click", () => tell(""));

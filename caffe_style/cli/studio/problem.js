// The sentence that says what went wrong.

import { element } from "./run.js";

export function tell(sentence) {
  element("problem-text").textContent = sentence;
  element("problem").hidden = !sentence;
}

// Runs a function that may fail, and tells why it failed.
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    const gone = error instanceof TypeError;
    tell(gone ? "No answer: the studio has ended. Start it again, and reload the page." : error.message);
    return null;
  }
}

element("problem-close").addEventListener("click", () => tell(""));

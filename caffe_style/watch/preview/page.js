import { follow } from "./run.js";

follow();

import { follow, turnTo } from "./run.js";

turnTo("");
follow();

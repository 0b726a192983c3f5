/** `outright/command`: the command as a function, for those who embed or test it. */
export { errorLines } from "./errors.js";
export { main } from "./main.js";

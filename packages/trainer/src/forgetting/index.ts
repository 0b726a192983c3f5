/** How much a run forgets: its divergence from the weights it started with. */
export { Divergence, klDivergence, LogSumExp } from "./divergence.js";
export { KlMeter } from "./kl-meter.js";
export { openKlMeter } from "./open.js";
export { answerOf, choosePositions, type Positions } from "./positions.js";
export { textOptions, textWindows } from "./text.js";

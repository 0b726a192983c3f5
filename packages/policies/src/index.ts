/** Which objective trains next: one readable file per method. Pure TypeScript, no files, no devices. */

export { Alright } from "./alright.js";
export { createPolicy } from "./create.js";
export { Maxright } from "./maxright.js";
export { Mix } from "./mix.js";
export type {
  Decision,
  JsonValue,
  MaxrightConfig,
  ObjectiveInfo,
  Policy,
  PolicyConfig,
  PolicyContext,
  PolicyState,
  Stage,
  WeightConfig,
} from "./policy.js";
export { Sequential } from "./sequential.js";
export { Single } from "./single.js";

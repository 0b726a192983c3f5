/** `outright schema` */
import { configJsonSchema } from "@outright/trainer";
import type { Output } from "../terminal/output.js";

export function schemaCommand(output: Output): void {
  output.out(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
}

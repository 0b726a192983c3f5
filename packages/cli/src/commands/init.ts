/** `outright init` */
import { existsSync, writeFileSync } from "node:fs";
import { extname } from "node:path";
import type { Output } from "../terminal/output.js";
import { INIT_TEMPLATE } from "./init-template.js";

export function initCommand(path: string, output: Output): void {
  writeTemplate(path, INIT_TEMPLATE);
  output.out(`wrote ${path}; set model and data in it, then: outright train ${path} --dry-run\n`);
}

/** @throws Error of one line where there is such a file already, or it cannot be written */
export function writeTemplate(path: string, template: string): void {
  if (![".yaml", ".yml"].includes(extname(path)))
    throw new Error(`${path}: give the config a name that ends in .yaml`);
  if (existsSync(path)) throw new Error(`${path} is there already; give another name, or remove it first`);
  try {
    // "wx": should it appear in this very moment, it still is not overwritten
    writeFileSync(path, template, { flag: "wx" });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(
      `${path} cannot be written: ${code === "ENOENT" ? "there is no such directory" : message}`,
    );
  }
}

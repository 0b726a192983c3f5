// Merges two models, given as arguments with the directory to write; prints the growth of the process's peak in bytes.
import { mergeModels } from "@outright/checkpoint";

const [a, b, out, dtype] = process.argv.slice(2);
const peak = () => 1024 * process.resourceUsage().maxRSS;
const before = peak();
console.log("begun");
mergeModels({ models: [a, b], alpha: 0.3, out, dtype });
console.log(String(peak() - before));

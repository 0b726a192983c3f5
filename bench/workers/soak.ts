/** The soak in a process of its own: its resident memory is nobody else's. Arguments: steps, dtype, device. */
import { soak } from "../lib/soak.js";

const [steps = "2000", dtype = "float32", device = "auto"] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await soak(Number(steps), dtype as "float32" | "bfloat16", device)));

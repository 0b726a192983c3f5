// Opens the run directory given and holds it until killed; says "held" or "refused".
import { RunDirectory } from "@outright/checkpoint";

try {
  RunDirectory.open(process.argv[2], { resume: true });
  console.log("held");
} catch (error) {
  console.log(error.message.includes("is in use by process") ? "refused" : error.message);
}
setInterval(() => {}, 1000);

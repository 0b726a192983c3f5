/** Generates answers in a thread of its own: a native call blocks it, and Ctrl-C is heard all the same. */
import { parentPort, workerData } from "node:worker_threads";
import { loadTokenizer, renderRow } from "@outright/data";
import { generate } from "@outright/eval";
import { loadModel, openDevice } from "@outright/trainer";
import type { AskJob, AskMessage } from "./ask.js";

class Stopped extends Error {}

const { model: path, prompts, maxTokens, stopFlag } = workerData as AskJob;
const stop = new Int32Array(stopFlag);
const send = (message: AskMessage): void => parentPort?.postMessage(message);

try {
  const tokenizer = await loadTokenizer(path);
  const texts = prompts.map((prompt, row) => {
    const rendered = renderRow("prompt-response", "clean", { prompt, response: "-" }, `question ${row + 1}`);
    if (!("prompt" in rendered)) throw new Error(`question ${row + 1}: ${rendered.drop}`);
    return rendered.prompt;
  });
  const device = openDevice({ device: "auto" });
  try {
    const { model } = loadModel(device, path);
    const answers = generate(model, tokenizer, texts, {
      maxTokens,
      onProgress: (active, total) => {
        if (Atomics.load(stop, 0) !== 0) throw new Stopped();
        send({ type: "progress", done: total - active, total });
      },
    });
    model.dispose();
    send({ type: "answers", answers: answers.map(({ text }) => text) });
  } finally {
    device.close();
  }
} catch (error) {
  if (error instanceof Stopped) send({ type: "stopped" });
  else send({ type: "error", message: error instanceof Error ? error.message : String(error) });
}

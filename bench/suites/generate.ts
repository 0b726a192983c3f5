/** Generation with a key/value cache beside computing the whole row again for every token: the same tokens, in turns. */

import { counterRandom } from "@outright/data";
import { generateByRecomputing, generateIds } from "@outright/eval";
import { createModel } from "@outright/models";
import { openDevice } from "@outright/trainer";
import { SHAPES } from "../lib/shapes.js";
import { summarise } from "../lib/stats.js";
import { Report, type Suite } from "../lib/suite.js";

const PROMPT = 256;
const MADE = 256;
/** How many prompts at once. */
const BATCHES = [1, 8];
/** Random weights end no text. */
const NONE = -1;

export const generateSuite: Suite = async ({ options, say }) => {
  const report = new Report("generate", say);
  report.about = [
    `${MADE} tokens after prompts of ${PROMPT}, greedily, with random weights: with a key/value cache, and by computing the whole row again`,
    "for every token, in turns. Both must make the same tokens. Times over: the recomputed one's time over the cached one's.",
  ].join(" ");
  for (const shape of options.shapes) {
    for (const dtype of options.dtypes) {
      using device = openDevice(options);
      const config = SHAPES[shape];
      const random = (stream: string) => counterRandom(7, stream);
      const model = createModel(device, config, { random }, { dtype, trainable: false });
      for (const batch of BATCHES) {
        const uniform = counterRandom(1, "prompts");
        const prompts = Array.from({ length: batch }, (_, row) =>
          Array.from({ length: PROMPT }, (_, i) => Math.floor(config.vocab_size * uniform(row * PROMPT + i))),
        );
        const timed = <T>(body: () => T): { seconds: number; made: T } => {
          const begun = performance.now();
          const made = body();
          return { seconds: (performance.now() - begun) / 1000, made };
        };
        const pairs = Array.from({ length: 1 + options.steps }, () => {
          const cached = timed(() =>
            generateIds(model, prompts, NONE, { maxTokens: MADE }).map(({ ids }) => ids),
          );
          const clear = timed(() => generateByRecomputing(model, prompts, NONE, MADE));
          if (JSON.stringify(cached.made) !== JSON.stringify(clear.made))
            throw new Error(`${shape} ${dtype}: the cached tokens are not the recomputed ones`);
          return { cached: cached.seconds, clear: clear.seconds };
        }).slice(1); // the first warms up
        const name = `${shape} ${dtype}, ${batch} ${batch === 1 ? "prompt" : "prompts"}`;
        say(name);
        report.add({
          name: `${name}: times over`,
          unit: "times as fast",
          better: "higher",
          value: summarise(pairs.map(({ cached, clear }) => clear / cached)),
          goal: { atLeast: 5 },
        });
        report.add({
          name: `${name}: cached`,
          unit: "tokens/s",
          better: "higher",
          value: summarise(pairs.map(({ cached }) => (batch * MADE) / cached)),
        });
      }
      model.dispose();
    }
  }
  return report.finish();
};

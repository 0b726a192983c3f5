/** The data files of the comparison with their SHA-256; the README says where they come from. */
export const FILES: Readonly<Record<string, string>> = {
  "alpaca_gpt4/alpaca_gpt4.jsonl": "4b192967f518cd80b1d7eb7cc67af8d63b29044b6c61cc6748316e5f6548edcf",
  "hh_rlhf/helpful.train.jsonl": "a3ba20179aa00f09d52c34b9f6c2f55b72e411a9546d026374d9a40d2379146b",
  "hh_rlhf/helpful.test.jsonl": "5483b7db6810f630deddcd12c21d8ea13afa6feb09eab3aef9b82bf3cae21a03",
};

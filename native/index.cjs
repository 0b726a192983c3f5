"use strict";

const path = require("node:path");
const fs = require("node:fs");

const file = path.join(__dirname, "build", "Release", "outright.node");
if (!fs.existsSync(file)) {
  throw new Error(`the native addon is not built (${file} is missing): run npm run setup`);
}
module.exports = require(file);

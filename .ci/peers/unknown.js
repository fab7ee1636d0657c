// Prints "log segment node" for every member of a nodeset that the nodes configuration does not know.
//   node unknown.js DIRECTORY
const { readFileSync } = require("node:fs");
const read = (name) => JSON.parse(readFileSync(`${process.argv[2]}/${name}.json`, "utf8"));
const known = new Set(read("nodes_config").nodes.map(([id]) => id));
let found = "";
for (const [log, { chain }] of read("bifrost_config").logs) {
  for (const [, segment] of chain) {
    if (segment.kind !== "replicated") continue;
    for (const node of JSON.parse(segment.params).nodeset) {
      if (!known.has(node)) found += `${log} ${segment.index} ${node}\n`;
    }
  }
}
process.stdout.write(found);

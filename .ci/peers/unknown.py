"""Prints "log segment node" for every member of a nodeset that the nodes configuration does not know.

python3 unknown.py DIRECTORY
"""

import json
import sys


def read(name):
    with open(f"{sys.argv[1]}/{name}.json", "rb") as file:
        return json.load(file)


known = {node[0] for node in read("nodes_config")["nodes"]}
for log, body in read("bifrost_config")["logs"]:
    for _, segment in body["chain"]:
        if segment["kind"] == "replicated":
            for node in json.loads(segment["params"])["nodeset"]:
                if node not in known:
                    print(log, segment["index"], node)

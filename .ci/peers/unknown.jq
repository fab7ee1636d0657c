# Prints "log segment node" for every member of a nodeset that the nodes configuration does not know.
#   jq -r --slurpfile nodes nodes_config.json -f unknown.jq bifrost_config.json
(reduce $nodes[0].nodes[][0] as $id ({}; .[$id | tostring] = true)) as $known
| .logs[] as [$log, $body]
| $body.chain[] | .[1] | select(.kind == "replicated")
| .index as $segment
| .params | fromjson | .nodeset[]
| select($known[tostring] == null)
| "\($log) \($segment) \(.)"

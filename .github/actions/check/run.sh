# Runs restate-lint: its findings become annotations of the log and a page of the summary, and SARIF if that is wanted.
set -euo pipefail

fail() {
  printf '::error title=restate-lint::%s\n' "$1"
  exit 2
}

# lines reads the lines of a text that are not empty into the array "list".
lines() {
  list=()
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line%$'\r'}
    if [ -n "$line" ]; then list+=("$line"); fi
  done <<<"$1"
}

lines "$SNAPSHOTS"
[ ${#list[@]} -gt 0 ] || fail "snapshots: there is none"
snapshots=("${list[@]}")
lines "$ARGUMENTS"
arguments=(${list[@]+"${list[@]}"})
case $SARIF in
  *$'\n'* | *$'\r'*) fail "sarif: the name of a file has no line breaks" ;;
esac

page=$RUNNER_TEMP/restate-lint/page.md
rm -f "$page"
case $COMMAND in
  check)
    command=(check --format=github "--format=markdown=$page" "--root=$GITHUB_WORKSPACE")
    if [ -n "$SARIF" ]; then command+=("--format=sarif=$SARIF"); fi
    ;;
  "golden check")
    command=(golden check)
    [ -z "$SARIF" ] || fail "sarif: golden check writes none"
    ;;
  *) fail "command: it is neither check nor golden check" ;;
esac

code=0
"$RUNNER_TEMP/restate-lint/restate-lint" "${command[@]}" ${arguments[@]+"${arguments[@]}"} -- "${snapshots[@]}" || code=$?

# GitHub takes no summary of more than 1 MiB.
if [ -f "$page" ]; then
  if [ "$(wc -c <"$page")" -le 1000000 ]; then
    cat "$page" >>"$GITHUB_STEP_SUMMARY"
  else
    echo "restate-lint found more than a summary can hold: the log has it." >>"$GITHUB_STEP_SUMMARY"
  fi
fi
echo "exit-code=$code" >>"$GITHUB_OUTPUT"
if [ -n "$SARIF" ] && [ -f "$SARIF" ]; then printf 'sarif=%s\n' "$SARIF" >>"$GITHUB_OUTPUT"; fi
exit "$code"

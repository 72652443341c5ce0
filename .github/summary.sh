#!/bin/sh
# Writes Markdown for a pull request's reviewer: the gate's summary and what changed in the reviewed templates.
# BASE is the commit to compare with; without it there is no comparison.
set -eu

for profile in dev prod; do
  [ -f "$profile.txt" ] || continue
  printf '## make synth, %s\n\n```\n' "$profile"
  grep -v '^set-up' "$profile.txt" || true
  printf '```\n\n'
done

[ -n "${BASE:-}" ] || exit 0
set -- '*/__snapshots__/*' tests/app/stateful_resources.json stacks/acknowledgements.py
printf '## What changes in templates, stateful names and acknowledgements\n\n'
if git diff --quiet "$BASE" HEAD -- "$@"; then
  echo 'Nothing: no snapshot, no stateful logical id and no acknowledgement differs.'
  exit 0
fi
# Wide enough for whole paths: the file's folder says which construct it is.
git diff --stat=200,150 "$BASE" HEAD -- "$@" | sed 's/^/    /'
printf '\n<details><summary>Line by line</summary>\n\n```diff\n'
# GitHub cuts a summary at 1 MiB.
git diff --unified=2 "$BASE" HEAD -- "$@" | head -c 700000
printf '\n```\n\n</details>\n'

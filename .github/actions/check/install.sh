# Puts restate-lint into $RUNNER_TEMP/restate-lint: the release $VERSION of the repository that the action comes from, or
# what stands there.
set -euo pipefail

fail() {
  printf '::error title=restate-lint::%s\n' "$1"
  exit 2
}

to=$RUNNER_TEMP/restate-lint
mkdir -p "$to"

if [ -z "$VERSION" ]; then
  command -v go >/dev/null || fail "Go is not there to build with: use actions/setup-go before, or name a version"
  # What the runner fetched has no history that would tell the commit.
  case ${ACTION_REF:=} in
    *[!A-Za-z0-9._/-]*) ACTION_REF= ;;
  esac
  CGO_ENABLED=0 go build -C "$ACTION/../../.." -trimpath -ldflags "-X restate-lint/internal/commands.commit=$ACTION_REF" -o "$to/" .
  exit
fi

[[ $VERSION =~ ^v?([0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?)$ ]] || fail "version: it is not one such as 0.1.0"
version=${BASH_REMATCH[1]}
case $RUNNER_OS in
  Linux) os=linux ending=tar.gz ;;
  macOS) os=darwin ending=tar.gz ;;
  Windows) os=windows ending=zip ;;
  *) fail "there is no release for $RUNNER_OS" ;;
esac
case $RUNNER_ARCH in
  X64) arch=amd64 ;;
  ARM64) arch=arm64 ;;
  *) fail "there is no release for $RUNNER_ARCH" ;;
esac

archive=restate-lint_${version}_${os}_${arch}.$ending
from=$GITHUB_SERVER_URL/$ACTION_REPOSITORY/releases/download/v$version
cd "$to"
for file in checksums.txt "$archive"; do
  curl --fail --silent --show-error --location --proto '=https' --retry 3 --output "$file" "$from/$file" || fail "$from/$file cannot be had"
done
# Of the archive, and of nothing else.
awk -v archive="$archive" '$2 == archive' checksums.txt > checksum
[ -s checksum ] || fail "checksums.txt has no $archive"
if command -v sha256sum >/dev/null; then
  sha256sum --check --status checksum || fail "$archive has another checksum than checksums.txt says"
else
  shasum -a 256 --check --status checksum || fail "$archive has another checksum than checksums.txt says"
fi
case $ending in
  zip) unzip -oq "$archive" restate-lint.exe ;;
  *) tar -xzf "$archive" restate-lint ;;
esac

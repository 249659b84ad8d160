# Sourced by the scripts: where things are, and how they speak.

orthant_home=${ORTHANT_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/orthant}
orthant_venv=$orthant_home/venv
conan_version=2.12.2
export ORTHANT_HOME=$orthant_home
export CONAN_HOME=$orthant_home/conan

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# build PRESET [target ...]: configures and builds through the recipe, progress on standard error.
build() {
  local preset=$1
  shift
  ORTHANT_TARGETS="$*" "$orthant_venv/bin/conan" build "$root/conan" -pr:a "$root/conan/profile" -v warning -o "&:preset=$preset" >&2 || fail "the build failed"
}
